"""A task holds data that can be used, or says which cannot."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mbo_core.errors import TaskError
from mbo_core.tasks import OracleSet, Space, Task, Verdict
from mbo_core.tasks.columns import Category, Sequence
from mbo_core.tasks.numbers import Real, Whole

REAL = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
TOKENS = [[0, 1], [2, 3], [1, 1]]
Y = [1.0, 2.0, 5.0]
FOUR = Space.discrete(2, 4)
MIXED = Space((Real("heat"), Category("gas", ("N2", "air")), Sequence("dna", 2, "ACGT")))


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
        (["1.5", "2", "3"], Y, None, "mine: x has shape (3,)"),
        ([[None], [1.0], [2.0]], Y, None, 'mine: cell in row 0 of column "x0" is empty (1 such cells)'),
        ([[1j], [2], [3]], Y, None, "mine: x has dtype complex128"),
        (np.array([["2026-01-01"]] * 3, "M8[D]"), Y, None, "mine: x has dtype datetime64[D]"),
        (REAL, ["1", "2", "3"], None, "mine: y has dtype <U1"),
        (REAL, [True, False, True], None, "mine: y has dtype bool"),
        (REAL, "yield", None, 'mine: y is the text "yield"'),
        (REAL, None, None, "mine: scores are missing"),
        (REAL, Y, Space.continuous(3), "mine: designs have shape (3, 2), not (n, 3)"),
        ([[0, 1], [2, 4], [9, 9]], Y, FOUR, "mine: token 4 in design 1 is out of range: the space has 4 tokens"),
        ([[0, 1], [2, 3], [-1, 1]], Y, FOUR, "mine: token -1 in design 2 is out of range: the space has 4 tokens"),
        ([[0.0, 0.5], [1.0, 1.0], [2.0, 2.0]], Y, FOUR, "mine: designs have dtype float64"),
        (np.array(REAL) * 1e300, Y, None, "mine: designs of size 5e+300 overflow or vanish"),
        (REAL, np.array(Y) * 1e-300, None, "mine: scores of size 5e-300 overflow or vanish"),
        ([[5, 0, 1, 1], [5, 2, 1, 1]], Y[:2], MIXED, 'level 2 in design 1 is out of range: column "gas" has 2 levels'),
        ([[5.0, 0.5, 1, 1]], Y[:1], MIXED, 'level 0.5 in design 0 is out of range: column "gas"'),
        ([[5.0, 0, 1, 4]], Y[:1], MIXED, 'token 4 in design 0 is out of range: column "dna" has 4 tokens'),
        (np.ma.masked_equal(REAL, 3.0), Y, None, "mine: x has 1 masked values, the first in row 1"),
        (REAL, np.ma.masked_equal(Y, 5.0), None, "mine: y has 1 masked values, the first in row 2"),
        (np.array([[1], [2], [2**63 + 1]], np.uint64), Y, None, "mine: x has whole numbers above 2**53"),
        (["AC", "GT", "CC"], Y, Space.continuous(2), "mine: x holds words, and the space is continuous"),
        (["AC", "G", "CC"], Y, Space.discrete(2, alphabet="ACGT"), "has 1 letters, not 2"),
        (["AC", "GT", "CC"], Y, FOUR, 'letter "A" in row 0 of column "x" is not a number'),
        ([["slow", "1.2"], ["fast", "3"], ["slow", ""]], Y, None, "column \"x1\" cannot be searched"),
    ],
)  # fmt: skip
def test_unusable_data_are_refused(x, y, space, message):
    """The first bad row is named."""
    with pytest.raises(TaskError) as refused:
        Task("mine", x, y, space=space)
    assert message in str(refused.value)


WHOLE = Space((Whole("x0", (0, 2)), Whole("x1", (1, 3))))


@pytest.mark.parametrize(
    ("x", "space", "dtype", "expected"),
    [
        (REAL, None, np.float64, Space.continuous(2)),
        (np.array(REAL, np.float32), None, np.float64, Space.continuous(2)),
        (np.ma.masked_equal(REAL, 9.0), None, np.float64, Space.continuous(2)),
        (TOKENS, None, np.float64, WHOLE),
        (np.array(TOKENS, np.uint64), None, np.float64, WHOLE),
        (TOKENS, FOUR, np.int64, FOUR),
        (np.array(TOKENS, np.uint8), FOUR, np.int64, FOUR),
        (TOKENS, Space.continuous(2), np.float64, Space.continuous(2)),
    ],
    ids=["real", "float32", "nothing masked", "amounts", "unsigned", "tokens", "bytes", "given"],
)
def test_the_space_is_read_off_numbers_or_given(x, space, dtype, expected):
    task = Task("mine", x, np.array(Y)[:, None], space=space)
    assert task.space == expected
    assert task.kind == expected.kind
    assert task.x.dtype == dtype
    assert task.x.tolist() == np.array(x).tolist()
    assert (task.y.dtype, task.y.tolist()) == (np.float64, Y)


def test_whole_numbers_are_said_to_be_amounts():
    (note,) = Task("mine", TOKENS, Y).notes
    assert note.startswith("x holds whole numbers: amounts from 0 to 3")
    assert "space=mbo.Space.discrete(length, classes)" in note
    assert Task("mine", REAL, Y).notes == Task("mine", TOKENS, Y, space=FOUR).notes == []


def design(*alphabet, length=2, gap=None):
    return Space((Sequence("design", length, alphabet, gap),))


@pytest.mark.parametrize(
    ("x", "codes", "space"),
    [
        (["CA", "AT", "CC"], [[1, 0], [0, 2], [1, 1]], design(*"ACT")),
        (np.array(["CA", "AT", "CC"]), [[1, 0], [0, 2], [1, 1]], design(*"ACT")),
        (np.array([b"CA", b"AT", b"CC"]), [[1, 0], [0, 2], [1, 1]], design(*"ACT")),
        (pd.Series(["CA", "AT", "CC"]), [[1, 0], [0, 2], [1, 1]], design(*"ACT")),
        ([list("CA"), list("AT"), list("CC")], [[1, 0], [0, 2], [1, 1]], design(*"ACT")),
        ([["[C]", "N"], ["N", "N"], ["N", "[C]"]], [[1, 0], [0, 0], [0, 1]], design("N", "[C]")),
        (["CA", "A", "C"], [[1, 0], [0, 2], [1, 2]], design(*"AC-", gap="-")),
        ([["[C]", "N"], ["N"], ["N", "[C]"]], [[1, 0], [0, 2], [0, 1]], design("N", "[C]", "-", gap="-")),
        (["01", "11", "10"], [[0, 1], [1, 1], [1, 0]], design(*"01")),
    ],
    ids=["words", "array", "bytes", "series", "letters", "tokens", "lengths", "token lists", "bits"],
)
def test_words_and_letters_are_sequences(x, codes, space):
    task = Task("mine", x, Y)
    assert task.space == space
    assert (task.x.dtype, task.x.tolist()) == (np.int64, codes)
    assert task.notes[0].startswith("design: sequences of")
    assert Task("mine", x, Y, space=space).x.tolist() == codes


@pytest.mark.parametrize(
    ("x", "columns"),
    [
        (
            [["L1", "DBU"], ["L2", "DBU"], ["L1", "K2CO3"]],
            [Category("x0", ("L1", "L2")), Category("x1", ("DBU", "K2CO3"))],
        ),
        ([[True], [False], [True]], [Category("x0", ("false", "true"))]),
        (np.array([[1, "a"], [2, "b"], [4, "a"]], object), [Whole("x0", (1, 4)), Category("x1", ("a", "b"))]),
        (np.array([(1.5, 2), (2.5, 3), (3.5, 1)], [("t", float), ("n", int)]), [Real("t"), Whole("n", (1, 3))]),
    ],
    ids=["levels", "truth", "objects", "records"],
)
def test_other_arrays_are_read_by_column(x, columns):
    assert Task("mine", x, Y).space == Space(tuple(columns))


@pytest.mark.parametrize("designs", [REAL, TOKENS], ids=["real", "whole"])
def test_the_arrays_are_read_only_copies(designs):
    x, y, weights = np.array(designs, dtype=float), np.array(Y), np.ones(3)
    task = Task("mine", x, y, weights=weights)
    for array in (task.x, task.y, task.table.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    x[0], y[0], weights[0] = 7, 7, 7
    assert (task.x.tolist(), task.y.tolist(), task.table.weights.tolist()) == (designs, Y, [1, 1, 1])


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
    ("ends", "expected"),
    [({}, [1, 0.75, 0]), ({"y_min": 0.0, "y_max": 10.0}, [0.9, 0.8, 0.5]), ({"y_min": 0.0}, [0.8, 0.6, 0])],
    ids=["data", "given", "best given"],
)
def test_minimised_scores_are_turned_once(ends, expected):
    task = Task("mine", REAL, Y, minimize=True, **ends)
    assert task.sign == -1
    assert task.y.tolist() == [-1, -2, -5]
    assert task.best_in_data == 1
    assert task.normalise(task.y).tolist() == pytest.approx(expected)
    assert task.as_given(task.y).tolist() == Y


def test_a_minimised_zero_stays_a_plain_zero():
    task = Task("mine", REAL, [0.0, 1.0, 2.0], minimize=True)
    assert not np.signbit(task.y[0])
    assert math.copysign(1, task.best_in_data) == 1


@pytest.mark.parametrize(
    "bounds", [{"y_min": 1.0, "y_max": 0.0}, {"y_min": math.nan}, {"y_min": 9.0}, {"y_max": 0.5, "minimize": True}]
)
def test_scores_are_normalised_by_bounds_in_their_order(bounds):
    with pytest.raises(TaskError, match="mine: y_min="):
        Task("mine", REAL, Y, **bounds)


def total(designs):
    return designs.sum(1)


class Totals:
    score = staticmethod(total)


class Fallible(Totals):
    def judge(self, designs):
        return Verdict(designs.sum(1), {0: "burnt"})


@pytest.mark.parametrize("oracle", [total, Totals()])
def test_an_oracle_is_a_function_or_has_one(oracle):
    task = Task("mine", REAL, Y, oracle=oracle)
    assert task.oracle.score(task.x).tolist() == [1.0, 5.0, 9.0]


@pytest.mark.parametrize("oracle", [total, Totals(), Fallible(), OracleSet({"a": Totals(), "b": Fallible()})])
def test_the_oracle_is_turned_with_the_scores(oracle):
    task = Task("mine", REAL, Y, oracle=oracle, minimize=True)
    assert task.oracle.score(task.x).tolist() == [-1.0, -5.0, -9.0]
    assert isinstance(task.oracle, OracleSet) == isinstance(oracle, OracleSet)


def test_a_turned_oracle_still_tells_its_faults():
    task = Task("mine", REAL, Y, oracle=Fallible(), minimize=True)
    assert task.oracle.judge(task.x).scores.tolist() == [-1.0, -5.0, -9.0]
    assert task.oracle.judge(task.x).faults == {0: "burnt"}


@pytest.mark.parametrize(("oracle", "what"), [(3, "of type int"), (Totals, "the class Totals")])
def test_an_oracle_that_cannot_score_is_refused(oracle, what):
    with pytest.raises(TaskError, match=f"mine: the oracle is {what}"):
        Task("mine", REAL, Y, oracle=oracle)
