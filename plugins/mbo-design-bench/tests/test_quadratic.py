from __future__ import annotations

import numpy as np
import pytest
from mbo_design_bench import quadratic

from mbo_core.errors import TaskError


@pytest.fixture(scope="module")
def task():
    return quadratic.load()


def test_each_optimum_is_seen_and_never_both(task):
    near = np.abs(task.x) < quadratic.NEAR
    far = np.abs(task.x) >= 1
    assert task.x.shape == (512, 2)
    assert (near.sum(axis=0) == 256).all()
    assert (near.sum(axis=1) == 1).all()
    assert (far.sum(axis=1) == 1).all()


def test_combined_halves_of_two_rows_beat_the_data(task):
    x1, x2 = np.abs(task.x).min(axis=0)
    together = task.normalise(task.oracle.score(np.array([[x1, x2]])))[0]
    best = task.normalise(task.y).max()
    assert best < 0.76
    assert together > 0.999


def test_the_ends_of_the_scale(task):
    assert task.y_max == 0 == task.oracle.score(np.zeros((1, 2)))[0]
    assert task.y_min == task.y.min()
    assert task.normalise(task.y).min() == 0
    assert -4.01 <= task.y_min < -3.9
    assert -1.02 < task.best_in_data <= -1


def test_every_arm_of_the_cross_holds_rows(task):
    far = task.x[np.abs(task.x) >= 1]
    assert (far > 0).sum() > 200
    assert (far < 0).sum() > 200


def test_everyone_has_the_same_data(task):
    assert task.x[0] == pytest.approx([0.02739233746429086, -1.2697867137638703], abs=1e-15)
    assert np.array_equal(task.x, quadratic.designs())


def test_the_oracle_is_the_formula(task):
    designs = np.array([[3.0, -4.0], [0.5, 0.0], [-1.0, 1.0]])
    assert task.oracle.score(designs).tolist() == [-25, -0.25, -2]
    assert np.array_equal(task.oracle.score(task.x), task.y)
    assert task.oracle.score(task.x[7:8]) == task.y[7]


@pytest.mark.parametrize("design", [np.zeros((1, 3)), np.zeros(2), np.array([[0.0, np.nan]])])
def test_the_oracle_refuses_what_is_no_design(task, design):
    with pytest.raises(TaskError):
        task.oracle.score(design)
