"""A task holds data that can be used, or says which cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mbo_core.errors import TaskError
from mbo_core.tasks import Space, Task

REAL = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
TOKENS = [[0, 1], [2, 3], [1, 1]]
Y = [1.0, 2.0, 5.0]
FOUR = Space("discrete", 2, 4)


def with_value(value: float) -> list[list[float]]:
    return [REAL[0], [2.0, value], [value, 5.0]]


@pytest.mark.parametrize(
    ("x", "y", "space", "message"),
    [
        (with_value(math.nan), Y, None, "mine: design 1 is nan (2 such values)"),
        (with_value(-math.inf), Y, None, "mine: design 1 is -inf (2 such values)"),
        (REAL, [1.0, 2.0, math.nan], None, "mine: score 2 is nan (1 such values)"),
        (REAL, [math.inf, 2.0, math.inf], None, "mine: score 0 is inf (2 such values)"),
        (REAL, [1.0, 2.0], None, "mine: y has shape (2,) for 3 designs"),
        (REAL, [Y, Y], None, "mine: y has shape (2, 3) for 3 designs"),
        ([0.0, 1.0], Y, None, "mine: x has shape (2,)"),
        ([REAL], Y, None, "mine: x has shape (1, 3, 2)"),
        ([], [], None, "mine: x has shape (0,)"),
        (np.zeros((0, 3)), [], None, "mine: x has shape (0, 3)"),
        (np.zeros((3, 0)), Y, None, "mine: x has shape (3, 0)"),
        ([[1.0], [2.0, 3.0]], Y, None, "mine: x is not a table of numbers"),
        (REAL, [[1.0], 2.0, 3.0], None, "mine: y is not a table of numbers"),
        ([["a"], ["b"], ["c"]], Y, None, "mine: x has dtype <U1"),
        ([[None], [1.0], [2.0]], Y, None, "mine: x has dtype object"),
        ([[True], [False], [True]], Y, None, "mine: x has dtype bool"),
        (REAL, ["1", "2", "3"], None, "mine: y has dtype <U1"),
        (REAL, [True, False, True], None, "mine: y has dtype bool"),
        (REAL, Y, Space("continuous", 3), "mine: designs have shape (3, 2), not (n, 3)"),
        ([[0, 1], [2, 4], [9, 9]], Y, FOUR, "mine: token 4 in design 1 is out of range: the space has 4 tokens"),
        ([[0, 1], [2, 3], [-1, 1]], Y, FOUR, "mine: token -1 in design 2 is out of range: the space has 4 tokens"),
        ([[0, 1], [2, 3], [-1, 1]], Y, None, "mine: token -1 in design 2 is out of range"),
        ([[0.0, 0.5], [1.0, 1.0], [2.0, 2.0]], Y, FOUR, "mine: designs have dtype float64"),
        (np.array(REAL) * 1e300, Y, None, "mine: designs of size 5e+300 overflow or vanish"),
        ([[0, 1], [273, 373], [4, 5]], Y, None, "mine: whole numbers up to 373 would mean 374 tokens"),
        ([[0, 1], [10**12, 3], [4, 5]], Y, None, "mine: whole numbers up to 1000000000000 would mean"),
        (REAL, np.array(Y) * 1e-300, None, "mine: scores of size 5e-300 overflow or vanish"),
    ],
)
def test_unusable_data_are_refused(x, y, space, message):
    """The first bad row is named."""
    with pytest.raises(TaskError) as refused:
        Task("mine", x, y, space=space)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("x", "space", "dtype", "expected"),
    [
        (REAL, None, np.float64, Space("continuous", 2)),
        (np.array(REAL, np.float32), None, np.float64, Space("continuous", 2)),
        (TOKENS, None, np.int64, Space("discrete", 2, 4)),
        (np.array(TOKENS, np.uint8), FOUR, np.int64, FOUR),
        (TOKENS, Space("continuous", 2), np.float64, Space("continuous", 2)),
    ],
    ids=["real", "float32", "tokens", "bytes", "whole numbers that are no tokens"],
)
def test_the_space_is_inferred_or_given(x, space, dtype, expected):
    task = Task("mine", x, np.array(Y)[:, None], space=space)
    assert task.space == expected
    assert task.kind == expected.kind
    assert task.x.dtype == dtype
    assert task.x.tolist() == np.array(x).tolist()
    assert (task.y.dtype, task.y.tolist()) == (np.float64, Y)


@pytest.mark.parametrize("designs", [REAL, TOKENS], ids=["real", "tokens"])
def test_the_arrays_are_read_only_copies(designs):
    x, y = np.array(designs), np.array(Y)
    task = Task("mine", x, y)
    for array in (task.x, task.y):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    x[0], y[0] = 7, 7
    assert (task.x.tolist(), task.y.tolist()) == (designs, Y)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [({}, [-0.25, 0, 1, 1.5]), ({"y_min": 0.0, "y_max": 10.0}, [0, 0.1, 0.5, 0.7]), ({"y_max": 3.0}, [-0.5, 0, 2, 3])],
    ids=["data", "given", "one given"],
)
def test_scores_are_normalised_affinely_and_not_clipped(ends, expected):
    assert Task("mine", REAL, Y, **ends).normalise(np.array([0.0, 1, 5, 7])).tolist() == pytest.approx(expected)


def test_equal_scores_normalise_to_zero():
    assert Task("mine", REAL, [3.0] * 3).normalise(np.array([3.0, 4.0])).tolist() == [0, 1]


def test_the_best_is_the_largest_score():
    assert Task("mine", REAL, [1, 9, 5], y_max=100).best_in_data == 9


@pytest.mark.parametrize(
    ("space", "design", "cells"),
    [
        (Space("discrete", 3, 4, alphabet=tuple("ACGT")), [2, 0, 3], {"design": "GAT"}),
        (Space("discrete", 3, 12), [2, 0, 11], {"x0": 2, "x1": 0, "x2": 11}),
        (Space("continuous", 2), [0.1234567891, 1e-9], {"x0": 0.1234567891, "x1": 1e-9}),
        (Space("continuous", 2, columns=("Fe", "Ni")), [0.5, 2.0], {"Fe": 0.5, "Ni": 2.0}),
    ],
)
def test_a_design_is_written_exactly_and_for_people(space, design, cells):
    assert space.cells(np.array(design)) == cells


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (("continous", 2), 'did you mean "continuous"'),
        (("discrete", 2), "classes=None in a discrete space"),
        (("discrete", 2, 4, ("A", "B")), "alphabet has 2 names for 4 classes"),
        (("continuous", 2, None, None, ("a",)), "columns has 1 names for 2 coordinates"),
        (("continuous", 2, None, None, ("a", "a")), "duplicate column a"),
        (("continuous", 2, None, None, ("raw", "a")), "duplicate column raw"),
    ],
)
def test_an_unwritable_space_is_refused(space, message):
    """Before any work."""
    with pytest.raises(TaskError, match=message):
        Space(*space)


@pytest.mark.parametrize("bounds", [{"y_min": 1.0, "y_max": 0.0}, {"y_min": math.nan}, {"y_min": 9.0}])
def test_scores_are_normalised_by_bounds_in_their_order(bounds):
    with pytest.raises(TaskError, match="mine: y_min="):
        Task("mine", REAL, Y, **bounds)


def total(designs):
    return designs.sum(1)


class Totals:
    score = staticmethod(total)


@pytest.mark.parametrize("oracle", [total, Totals()])
def test_an_oracle_is_a_function_or_has_one(oracle):
    task = Task("mine", REAL, Y, oracle=oracle)
    assert task.oracle.score(task.x).tolist() == [1.0, 5.0, 9.0]


@pytest.mark.parametrize(("oracle", "what"), [(3, "of type int"), (Totals, "the class Totals")])
def test_an_oracle_that_cannot_score_is_refused(oracle, what):
    with pytest.raises(TaskError, match=f"mine: the oracle is {what}"):
        Task("mine", REAL, Y, oracle=oracle)
