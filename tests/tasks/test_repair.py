"""The nearest designs of a space: exact, and the nearest there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from spaces import MANY, RANDOM, around, spaces

from mbo_core.errors import TaskError
from mbo_core.tasks.columns import Category, Sequence
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Real, Whole
from mbo_core.tasks.space import Space

BLEND = Space(
    (*(Real(name, (0, 1), step=0.05) for name in "abcd"), Real("heat", (80, 140), step=5)), (Linear.total("abcd", 1),)
)


def _exact(space: Space) -> None:
    found = space.repair(around(space, 6))
    assert space.contains(found).all()
    assert np.array_equal(space.repair(found), found)
    for column, part in space.parts(found):
        assert np.array_equal(column.nearest(part), part)
    assert (np.abs(space.lacking(found)) <= 1e-9 * np.maximum(1, np.abs(found) @ np.abs(space.weights).T)).all()


def _nearest(space: Space) -> None:
    every = space.enumerate(20_000)
    if every is None:
        return
    wanted = around(space, 3)
    found = space.distance(wanted, space.repair(wanted))
    best = [space.distance(np.broadcast_to(one, every.shape), every).min() for one in wanted]
    np.testing.assert_allclose(found, best, rtol=1e-7, atol=1e-9)


@RANDOM
@given(spaces())
def test_repair_is_exact_and_idempotent(space: Space) -> None:
    _exact(space)


@RANDOM
@given(spaces(most=4))
def test_repair_is_nearest(space: Space) -> None:
    _nearest(space)


@pytest.mark.slow
@MANY
@given(spaces())
def test_repair_in_a_thousand_spaces(space: Space) -> None:
    _exact(space)
    _nearest(space)


AWKWARD = [
    (
        Space(
            (
                Real("a", (-0.375, 2.75), values=(-0.375, 0.375, 0.625, 2.5, 2.75)),
                Whole("b", (-5, -2)),
                Real("c", (3.75, 5)),
                Real("d", (3.75, 5)),
            ),
            (Linear({"a": 1, "c": 1}, 5.5, 7), Linear({"a": 1, "d": 1, "b": 2, "c": 1}, 5.25, 6.75)),
        ),
        [2.5, -2.0, 3.947781899597808, 4.5],
    ),
    (
        Space(
            (
                Real("a", (-1.25, 8.75)),
                Real("b", (-1.25, 8.75)),
                Real("c", (0.15, 0.25), step=0.05),
                Whole("d", (-5, -4)),
            ),
            (Linear({"c": 1, "a": 1, "b": 1, "d": 1}, -0.3261315261373916, -0.3261315261373916),),
        ),
        [2.90817897397172, 0.6303153372025464, 0.15078526313985227, -4.015411090468266],
    ),
]
"""Spaces with a design near, of which HiGHS says that its presolve met an error."""


@pytest.mark.parametrize(("space", "wanted"), AWKWARD, ids=["settings", "a tight sum"])
def test_a_failed_presolve_is_not_an_empty_space(space: Space, wanted: list[float]) -> None:
    found = space.repair(np.array([wanted]))
    assert space.contains(found).all()


@pytest.mark.slow
def test_sums_and_steps_hold_at_once() -> None:
    found = BLEND.repair(np.random.default_rng(0).uniform(-0.2, 1.2, (200, 5)) * [1, 1, 1, 1, 100])
    assert (found[:, :4].sum(1).round(12) == 1).all()
    assert np.array_equal(found[:, :4], (found[:, :4] * 20).round() / 20)
    assert set(found[:, 4]) <= set(range(80, 145, 5))


def test_a_design_of_the_space_stays() -> None:
    design = np.array([[0.1 + 0.2, 0.35, 0.25, 0.1, 95.0]])
    assert BLEND.repair(design).tolist() == [[0.3, 0.35, 0.25, 0.1, 95.0]]


def test_inequalities_are_kept() -> None:
    space = Space((Real("a", (0, 10)), Real("b", (0, 10))), (Linear({"a": 1, "b": 2}, upper=4),))
    assert space.repair(np.array([[10.0, 10.0]])).tolist() == [[4.0, 0.0]]
    assert space.repair(np.array([[1.0, 1.0]])).tolist() == [[1.0, 1.0]]


def test_held_numbers_count_in_sums() -> None:
    held = BLEND.hold({"a": 0.4})
    found = held.repair(around(held, 20))
    assert (found[:, 0] == 0.4).all()
    assert (found[:, :4].sum(1).round(12) == 1).all()


def test_gaps_move_to_the_end() -> None:
    space = Space((Sequence("peptide", 4, tuple("MK-"), "-"),))
    assert space.repair(np.array([[2, 0, 2, 1]])).tolist() == [[0, 1, 2, 2]]
    assert space.cells(np.array([0, 1, 2, 2])) == {"peptide": "MK"}


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(TaskError, match="not finite"):
        BLEND.repair(np.full((1, 5), np.nan))


@pytest.mark.parametrize(
    ("columns", "constraints", "message"),
    [
        ((), (), "space has no column"),
        ((Real("a"), Real("a")), (), 'duplicate column "a"'),
        ((Real("raw"),), (), 'reserved column name "raw"'),
        ((Real("a", (0, 1)),), (Linear({"a": 1}, 2, 3),), "no design satisfies all constraints"),
        ((Real("a", (0, 1)), Category("b", ("x", "y"))), (Linear.total("ab", 1),), 'column "b" is a category'),
        ((Real("a", (0, 1)),), (Linear.total("ac", 1),), 'unknown column "c"'),
        ((Real("a", values=(0.3, 0.7)), Real("b", values=(0.3, 0.7))), (Linear.total("ab", 0.8),), "no design"),
        ((Whole("a", (0, 3)), Real("b", (0, 1), step=0.2)), (Linear.total("ab", 1.5),), "no design satisfies"),
    ],
)
def test_contradictions_are_refused(columns: tuple, constraints: tuple, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        Space(columns, constraints)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Real("a", (2, 1)), "bounds from 2 to 1"),
        (lambda: Real("a", (0, 1), step=2), "step 2 .* exceeds its range"),
        (lambda: Real("a", (0, 1), step=0), "is not above 0"),
        (lambda: Real("a", (0.26, 0.26), step=0.125), "no multiple of 0.125"),
        (lambda: Real("a", values=(1, 2, 1)), "duplicate value 1"),
        (lambda: Real("a", (5, 6), values=(1, 2)), "none of the values"),
        (lambda: Real("a", (-1, 1), log=True), "log column"),
        (lambda: Whole("a", values=(1, 2.5)), "not whole"),
        (lambda: Category("a", ("x", "y", "x")), 'duplicate level "x"'),
        (lambda: Category("a", ("x", "y"), {"size": (1.0,)}), 'descriptor "size"'),
        (lambda: Sequence("a", 3, ("A", "A")), 'duplicate letter "A"'),
        (lambda: Sequence("a", 3, ("A", "C"), "-"), 'gap "-"'),
        (lambda: Fixed("a", 5.0, Real("a", (0, 1))), "fixed value 5.0"),
        (lambda: Linear({"a": 1}, 2, 1), "lower 2 exceeds upper 1"),
        (lambda: Linear({}, 0, 1), "has no column"),
    ],
)
def test_wrong_columns_are_refused(make, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        make()


def test_small_spaces_can_be_listed() -> None:
    space = Space((Real("a", (0, 1), step=0.5), Whole("b", (0, 2))), (Linear({"a": 1, "b": 1}, upper=1),))
    assert space.enumerate().tolist() == [[0, 0], [0, 1], [0.5, 0], [1, 0]]
    assert Space((Real("a", (0, 1)),)).enumerate() is None
