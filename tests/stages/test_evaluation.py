"""Scores come from the oracle as it gives them, and percentiles are the published ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mbo_core.errors import MboError, TaskError
from mbo_core.stages import OracleEvaluation
from mbo_core.tasks import OracleSet, Space, Task, Verdict, mean_and_std, percentile

DESIGNS = np.array([[1.0, 2.0], [3.0, 4.0]])


class Answer:
    """An oracle that answers the same whatever it is asked."""

    def __init__(self, scores) -> None:
        self.scores = scores

    def score(self, designs):
        return self.scores


def task(oracle=None) -> Task:
    return Task("bowl", [[0.0, 0.0], [1.0, 1.0]], [10.0, 30.0], oracle=oracle)


@pytest.mark.parametrize(
    ("count", "q", "index"),
    [
        (128, 50, 64),  # 63.5 to the even 64
        (126, 50, 62),  # 62.5 to the even 62
        (2, 50, 0),  # 0.5 to the even 0
        (4, 50, 2),  # 1.5 to the even 2
        (5, 50, 2),
        (1, 50, 0),
        (128, 100, 127),
        (128, 0, 0),
        (128, 90, 114),  # 114.3
    ],
)
def test_the_percentile_is_the_nearest_rank(count, q, index):
    """Halves are rounded to even."""
    values = np.random.default_rng(0).permutation(count).astype(float)
    assert percentile(values, q) == index


def test_the_spread_over_seeds_is_the_population_std():
    assert mean_and_std([1.0, 2.0, 6.0]) == pytest.approx((3, math.sqrt(14 / 3)))
    assert mean_and_std([5.0]) == (5, 0)


def test_scores_are_raw_and_normalised_in_float64():
    scores = OracleEvaluation().score(DESIGNS, task(Answer([20, 50])))
    assert scores["raw"].tolist() == [20, 50]
    assert scores["normalised"].tolist() == [0.5, 2]
    assert {score.dtype for score in scores.values()} == {np.dtype(np.float64)}


def test_the_oracle_receives_the_raw_designs():
    class Sum:
        def score(self, designs):
            assert designs.dtype == np.float64
            return designs.sum(1)

    exact = np.array([[1e8 + 0.1, 0.0]])
    assert OracleEvaluation().score(exact, task(Sum()))["raw"].item() == 1e8 + 0.1


def test_an_oracle_may_work_in_place():
    """It changes neither the designs nor earlier scores."""

    class InPlace:
        answers = np.zeros(2)

        def score(self, designs):
            designs *= 2
            self.answers[:] = designs.sum(1)
            return self.answers

    oracle, designs = InPlace(), DESIGNS.copy()
    first = OracleEvaluation().score(designs, task(oracle))["raw"]
    OracleEvaluation().score(designs + 1, task(oracle))
    assert np.array_equal(designs, DESIGNS)
    assert first.tolist() == [6, 14]


def test_an_oracle_may_return_a_readonly_array():
    scores = np.array([1.0, 2.0])
    scores.setflags(write=False)
    assert OracleEvaluation().score(DESIGNS, task(Answer(scores)))["raw"].tolist() == [1, 2]


class Simulator(Answer):
    """An oracle that cannot score the first design."""

    def judge(self, designs):
        return Verdict(self.scores, {0: "it fell apart"})


def test_an_oracle_explains_a_lowest_score():
    scores = OracleEvaluation().score(DESIGNS, task(Simulator(np.array([10.0, 20.0]))))
    assert scores["fault"] == ["it fell apart", ""]
    assert scores["normalised"].tolist() == [0, 0.5]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1.0, math.nan], "oracle of bowl scored design 1 as nan"),
        ([math.inf, 1.0], "oracle of bowl scored design 0 as inf"),
        ([1.0], "shape (1,) for 2 designs"),
        ([[1.0], [2.0]], "shape (2, 1) for 2 designs"),
        (3.0, "shape () for 2 designs"),
    ],
)
def test_non_finite_scores_are_refused(scores, message):
    with pytest.raises(MboError) as refused:
        OracleEvaluation().score(DESIGNS, task(Answer(scores)))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("designs", "asked"),
    [
        (np.array([[1.0, math.inf]]), task(Answer([1.0]))),
        (np.ones((1, 3)), task(Answer([1.0]))),
        (np.array([[0, 4]]), Task("t", [[0, 1]], [1.0], space=Space.discrete(2, 4), oracle=Answer([1.0]))),
        (np.array([[0, -1]]), Task("t", [[0, 1]], [1.0], space=Space.discrete(2, 4), oracle=Answer([1.0]))),
        (DESIGNS, task()),
    ],
    ids=["infinite", "misshapen", "token too large", "token negative", "no oracle"],
)
def test_what_cannot_be_scored_is_refused(designs, asked):
    with pytest.raises(TaskError):
        OracleEvaluation().score(designs, asked)


def several(**answers) -> Task:
    return task(OracleSet({name: Answer(scores) for name, scores in answers.items()}))


def test_several_oracles_score_every_design():
    """The first is the task's own."""
    asked = several(a=[20, 50], b=[30, 10])
    scores = OracleEvaluation().score(DESIGNS, asked)
    assert asked.oracle.score(DESIGNS) == [20, 50]
    assert {name: score.tolist() for name, score in scores.items()} == {
        "raw": [20, 50],
        "normalised": [0.5, 2],
        "normalised_oracle_a": [0.5, 2],
        "normalised_oracle_b": [1, 0],
        "oracle_std": [0.25, 1],
    }


class Measured(Answer):
    """An oracle of measurements that differ by 5."""

    def spread(self, designs):
        return np.array([5.0, 0.0])


@pytest.mark.parametrize("minimize", [False, True])
def test_measurements_of_a_design_have_a_spread(minimize):
    table = ([[0.0, 0.0], [1.0, 1.0]], [10.0, 30.0])
    asked = Task("bowl", *table, oracle=Measured(np.array([20.0, 50.0])), minimize=minimize)
    scores = OracleEvaluation().score(DESIGNS, asked)
    assert scores["measurement_std"].tolist() == pytest.approx([0.25, 0])


def test_a_set_of_one_oracle_is_that_oracle():
    assert OracleEvaluation().score(DESIGNS, several(a=[20, 50])).keys() == {"raw", "normalised"}


def test_none_of_several_oracles_may_answer_nan():
    with pytest.raises(MboError, match="oracle of bowl scored design 1 as nan"):
        OracleEvaluation().score(DESIGNS, several(a=[20, 50], b=[30, math.nan]))
