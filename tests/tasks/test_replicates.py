"""Rows of one design are one design with a mean, a count and a pooled error."""

from __future__ import annotations

import numpy as np
import pytest
from mbo_grad_ascent.proxy import Regression
from mbo_grad_ascent.update import GradientAscent

import mbo_core as mbo
from mbo_core.runs.store import Folder
from mbo_core.tasks.replicates import numbered

X = np.array([[1.0, 0], [0.0, 2], [1.0, 0], [3.0, 3], [0.0, 2], [1.0, 0]])
Y = np.array([1.0, 8, 4, 9, 6, 1])
NOTE = "2 designs were measured more than once: pooled standard deviation 1.63;"


def test_rows_of_one_design_become_one():
    """In the order of their first rows; the pooled variance is (9 / 1.5 + 2) / 3."""
    table = mbo.Task("mine", X, Y).table
    assert table.x.tolist() == [[1, 0], [0, 2], [3, 3]]
    assert table.y.tolist() == [2, 7, 9]
    assert table.weights == pytest.approx([1.5, 1, 0.5])
    assert table.replicates.counts.tolist() == [3, 2, 1]
    assert table.replicates.pooled_std == pytest.approx(np.sqrt((6 + 2) / 3))
    assert not any(array.flags.writeable for array in (table.x, table.y, table.weights))


def test_distinct_rows_stay_as_they_are():
    weights = np.array([5.0, 1, 1])
    table = mbo.Task("mine", X[[0, 1, 3]], Y[:3], weights=weights).table
    assert table.replicates is None
    assert table.weights.tolist() == weights.tolist()


def test_weights_of_rows_weigh_the_mean():
    table = mbo.Task("mine", X[[0, 2, 3]], [1.0, 4, 9], weights=[3.0, 1, 2]).table
    assert table.y == pytest.approx([1.75, 9])
    assert table.weights == pytest.approx([4 / 3, 2 / 3])


@pytest.mark.parametrize("order", range(3))
def test_the_order_of_rows_makes_no_difference(order):
    rows = np.random.default_rng(order).permutation(len(X))
    table, other = mbo.Task("mine", X, Y).table, mbo.Task("mine", X[rows], Y[rows]).table
    pairs = [{tuple(x): (y, w) for x, y, w in zip(one.x, one.y, one.weights, strict=True)} for one in (table, other)]
    assert {x: pytest.approx(both) for x, both in pairs[0].items()} == pairs[1]
    assert table.replicates.pooled_std == pytest.approx(other.replicates.pooled_std)


def test_replicates_may_be_kept():
    task = mbo.Task("mine", X, Y, replicates="keep")
    assert task.x.tolist() == X.tolist()
    assert (task.table.designs, task.table.replicates) == (3, None)
    with pytest.raises(mbo.TaskError, match='replicates is "kept"') as refused:
        mbo.Task("mine", X, Y, replicates="kept")
    assert 'did you mean "keep"?' in refused.value.hint


def test_tokens_and_signed_zeros_are_compared():
    assert numbered(np.array([[2, 1], [1, 2], [2, 1]])).tolist() == [0, 1, 0]
    assert numbered(np.array([[0.0], [-0.0], [1e-300]])).tolist() == [0, 0, 1]


def test_the_best_tried_design_has_the_best_mean():
    task = mbo.Task("mine", [[0.0], [0.0], [1.0]], [9.0, 1.0, 6.0])
    assert (task.best_in_data, task.y_max) == (6, 6)


def test_starts_are_distinct_designs():
    x = np.repeat(np.random.default_rng(0).normal(size=(12, 2)), 3, axis=0)
    task = mbo.Task("mine", x, x.sum(1) + np.tile([0.0, 0.1, 0.2], 12))
    recipe = mbo.Recipe(proxy=Regression(hidden=(4,), epochs=1), update=GradientAscent(steps=0))
    result = mbo.run(recipe, task, seeds=1)
    assert result.counts()["distinct"] == [12]
    assert result.designs.shape == (1, 12, 2)


def test_the_pooled_error_is_told_and_stored(tmp_path):
    result = mbo.run(mbo.Recipe(), mbo.Task("mine", X, Y), seeds=1, out=tmp_path / "run")
    [told] = [note["text"] for note in Folder(tmp_path / "run").load_record()["notes"] if NOTE in note["text"]]
    assert "weighted by the number of its measurements" in told
    again = mbo.load(tmp_path / "run").task.table
    assert again.replicates.pooled_std == result.task.table.replicates.pooled_std
    assert again.replicates.counts.tolist() == [3, 2, 1]
    assert again.weights.tolist() == result.task.table.weights.tolist()


def test_benchmark_tasks_keep_their_rows():
    """TF Bind 8 lists each palindrome twice."""
    table = mbo.installed().task("TFBind8-Exact-v0").load().table
    assert table.replicates is None
    assert len(table.y) - table.designs > 100
