"""Differences between methods on one task, paired by seed."""

from __future__ import annotations

import numpy as np

from mbo_bench.statistics.over_tasks import LEVEL, Interval
from mbo_bench.statistics.scores import Scores, Values


def paired(one: Values, two: Values) -> Interval | None:
    """The mean of the differences of scores (seeds,) by Student's t; None for fewer than two pairs."""
    from scipy.stats import t

    differences = (one - two)[~np.isnan(one - two)]
    count = len(differences)
    if count < 2:
        return None
    mean = float(differences.mean())
    half = float(t.ppf((1 + LEVEL) / 2, count - 1)) * float(differences.std(ddof=1)) / count**0.5
    return Interval(mean, mean - half, mean + half)


def not_worse(scores: Scores, task: str) -> set[str]:
    """The best method on a task, and those whose paired difference to it may be zero."""
    place = scores.tasks.index(task)
    means = scores.means[:, place]
    if np.isnan(means).all():
        return set()
    best = int(np.nanargmax(means))
    found = {name for row, name in enumerate(scores.methods) if _may_be_zero(scores.values[:, place], best, row)}
    return found | {scores.methods[best]}


def _may_be_zero(values: Values, best: int, other: int) -> bool:
    found = paired(values[best], values[other])
    return found is not None and found.lower <= 0 <= found.upper
