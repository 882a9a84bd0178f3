"""What a backtest hides from a recipe: the best designs of a table, and a random half of the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

import mbo_core as mbo

Rows = NDArray[np.int64]

TOP = 0.2
"""The share of the designs, the best by score, that is always hidden."""


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers of rows of a table.

    Attributes:
        visible: what a recipe is given.
        hidden: what it may pick from, in random order.
        top: which of the hidden rows, (hidden,), are among the best fifth of the table.
    """

    visible: Rows
    hidden: Rows
    top: NDArray[np.bool_]


def split(y: NDArray[np.float64], seed: int) -> Split:
    """The split of a seed: 2/5 of the rows visible and 3/5 hidden, of which a third is the best fifth.

    Equal scores are ordered at random, so a top that is arbitrary is drawn again for each seed.

    Args:
        y: (N,) scores of distinct designs, larger is better.
        seed: of the draw.
    """
    rng = np.random.default_rng([seed, 5])
    order = rng.permutation(len(y))
    best_first = order[np.argsort(-y[order], kind="stable")]
    count = math.ceil(TOP * len(y))
    top, rest = best_first[:count], rng.permutation(best_first[count:])
    hidden = rng.permutation(np.concatenate([top, rest[len(rest) // 2 :]]))
    return Split(np.sort(rest[: len(rest) // 2]), hidden, np.isin(hidden, top))


def some_rows(task: mbo.Task, most: int) -> mbo.Task:
    """The task with at most so many distinct designs, drawn at random; replicates become one row."""
    task = rows_of(task, np.arange(len(task.y)), merge=True) if task.table.designs < len(task.y) else task
    if len(task.y) <= most:
        return task
    return rows_of(task, np.sort(np.random.default_rng(0).permutation(len(task.y))[:most]))


def rows_of(task: mbo.Task, rows: Rows, merge: bool = False) -> mbo.Task:
    """The task with only these rows, in the same space: nothing in it leads to the others."""
    table = task.table
    how: Literal["merge", "keep"] = "merge" if merge else "keep"
    return mbo.Task(
        task.name, table.x[rows], table.y[rows], weights=table.weights[rows], space=table.space, replicates=how
    )
