from __future__ import annotations

import time

import numpy as np
import pytest
from mbo_design_bench import tf_bind_8

from mbo_core.errors import TaskError
from mbo_core.tasks import Task


@pytest.fixture(scope="module")
def task() -> Task:
    return tf_bind_8.load()


@pytest.fixture(scope="module")
def rows():
    return tf_bind_8.dataset()


def words(task: Task, designs) -> list[str]:
    return [str(task.space.cells(design)["design"]) for design in designs]


def test_the_visible_half(task, rows):
    _, y = rows
    assert task.x.shape == (32_898, 8)
    assert task.best_in_data == np.percentile(y, 50) == pytest.approx(0.439296, abs=5e-7)
    assert (task.y_min, task.y_max) == (0, 1)
    assert task.normalise(task.y).max() == task.best_in_data


def test_the_space(task):
    assert (task.kind, task.space.length, task.space.classes) == ("discrete", 8, 4)
    assert task.space.alphabet == ("A", "C", "G", "T")


def test_only_palindromes_are_twice_in_the_table(rows):
    x, y = rows
    designs, counts = np.unique(x, axis=0, return_counts=True)
    twice = designs[counts == 2]
    assert len(x) == len(y) == 65_792
    assert len(designs) == 4**8
    assert len(twice) == 256
    assert np.array_equal(twice, (3 - twice)[:, ::-1])


def test_both_strands_score_alike(task):
    x, _ = tf_bind_8.dataset()
    assert np.array_equal(task.oracle.score(x), task.oracle.score((3 - x)[:, ::-1]))


def test_scores_are_float32_from_0_to_1(rows):
    _, y = rows
    assert (y.min(), y.max()) == (0, 1)
    assert np.array_equal(y, y.astype(np.float32))
    assert y.dtype == np.float64


def test_rows_stand_in_the_order_of_the_source(task, rows):
    x, _ = rows
    half = len(x) // 2
    assert words(task, x[:3]) == ["AAAAAAAA", "AAAAAAAC", "AAAAAAAG"]
    assert words(task, x[half : half + 3]) == ["TTTTTTTT", "GTTTTTTT", "CTTTTTTT"]
    assert np.array_equal(task.x, x[task.oracle.score(x) <= task.best_in_data])


def test_the_optimum(task, rows):
    x, _ = rows
    best = x[task.oracle.score(x) == 1]
    assert sorted(words(task, best)) == ["AGGTATCA", "TGATACCT"] == task.info.notes["optimum"]


def test_the_oracle_is_the_table(task, rows):
    x, y = rows
    assert np.array_equal(task.oracle.score(x), y)
    assert np.array_equal(task.oracle.score(task.x), task.y)
    assert task.oracle.score(x[:1]) == y[:1]


def test_no_design_scores_nothing(task):
    assert task.oracle.score(np.empty((0, 8), dtype=np.int64)).shape == (0,)


def test_the_scores_are_the_measured_ones(rows, tf_bind_8_file):
    with np.load(tf_bind_8_file, allow_pickle=False) as archive:
        escore = archive["escore"].astype(np.float64)
    x, y = rows
    measured = np.round(escore[x @ 4 ** np.arange(7, -1, -1)], 5)
    expected = (measured + 0.47907) / (0.49105 + 0.47907)
    assert np.array_equal(y, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("designs", "message"),
    [
        (np.full((2, 8), 4), r"design 0 has a token outside 0\.\.3: 4 at position 0"),
        (np.eye(8, dtype=int) * -1, r"design 0 has a token outside 0\.\.3: -1 at position 0"),
        (np.zeros((2, 7), dtype=int), r"shape \(2, 7\), not \(n, 8\)"),
        (np.zeros(8, dtype=int), r"shape \(8,\), not \(n, 8\)"),
        (np.zeros((2, 8)), "designs have dtype float64, not whole tokens"),
    ],
)
def test_the_oracle_refuses_what_is_no_design(task, designs, message):
    with pytest.raises(TaskError, match=message):
        task.oracle.score(designs)


def test_the_oracle_scores_a_million_designs_a_second(task):
    many = np.tile(task.x, (31, 1))
    start = time.perf_counter()
    task.oracle.score(many)
    assert len(many) / (time.perf_counter() - start) > 1e6
