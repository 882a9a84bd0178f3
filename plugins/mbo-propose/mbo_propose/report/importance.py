"""Which columns matter most for the score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.task import Task

ROWS = 1000
"""Rows that the forest sees, the best and random others."""
TREES = 40

HOW = (
    "A forest is trained on one half of the rows and predicts the other half, both ways round. "
    "A column matters as much as its error grows when the values of that column are shuffled."
)

Values = NDArray[np.float64]


def importance(task: Task, rows: NDArray[np.int64]) -> dict[str, float]:
    """The growth of the squared error by each column that may change, the most important first.

    Args:
        task: the table.
        rows: the rows to use.
    """
    free = [column.name for column in task.space.columns if not isinstance(column, Fixed)]
    x, y = task.x[rows].astype(np.float64), task.y[rows]
    rng = np.random.default_rng(0)
    order = rng.permutation(len(rows))
    halves = order[::2], order[1::2]
    found = dict.fromkeys(free, 0.0)
    for one, other in (halves, halves[::-1]):
        for name, growth in zip(free, _growths(task, free, x[one], y[one], x[other], y[other]), strict=True):
            found[name] += growth
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _growths(task: Task, free: list[str], x: Values, y: Values, asked: Values, truth: Values) -> list[float]:
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=0).fit(x, y)
    before = float(np.mean((forest.predict(asked) - truth) ** 2))
    rng, found = np.random.default_rng(1), []
    for name in free:
        moved, place = asked.copy(), task.space.place(name)
        moved[:, place] = moved[rng.permutation(len(asked)), place]
        found.append(float(np.mean((forest.predict(moved) - truth) ** 2)) - before)
    return found
