"""One number for many tasks, with an interval: the interquartile mean and what stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mbo_bench.statistics.scores import Scores, Values

LEVEL = 0.95
"""The level of all intervals."""
RESAMPLES = 2000
SEED = 0
"""Of the resamples, so that a report can be repeated."""


@dataclass(frozen=True)
class Interval:
    """A number with its interval at `LEVEL`.

    Attributes:
        value: the number.
        lower: the lower end.
        upper: the upper end.
    """

    value: float
    lower: float
    upper: float


def iqm(values: Values) -> Values:
    """The mean of the middle half of the last axis: a quarter is cut off at each end.

    >>> float(iqm(np.array([-99.0, 1.0, 2.0, 99.0])))
    1.5
    """
    from scipy.stats import trim_mean

    return np.asarray(trim_mean(values, 0.25, axis=-1))


def interval(statistic: Callable[[Values], Values], per_task: Sequence[Values]) -> Interval:
    """A statistic of all scores with its stratified-bootstrap interval: seeds are resampled within each task.

    Args:
        statistic: takes (..., n) scores to (...) numbers.
        per_task: the scores of each task, (seeds,).
    """
    rng = np.random.default_rng(SEED)
    drawn = [values[rng.integers(0, len(values), (RESAMPLES, len(values)))] for values in per_task]
    return _ends(statistic(np.concatenate(per_task)), statistic(np.concatenate(drawn, axis=1)))


def _ends(value: Any, resampled: Values) -> Interval:
    lower, upper = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(lower), float(upper))


def iqm_of(scores: Scores, method: str) -> Interval | None:
    """The interquartile mean over all tasks and seeds of a method; None if a task has no score."""
    return interval(iqm, scores.on(method)) if method in scores.pool else None


def improvement(scores: Scores, method: str, other: str) -> Interval | None:
    """The probability that a run of a method is better than one of another, averaged over tasks; ties count half.

    None if one of them lacks a task.
    """
    if not {method, other} <= set(scores.pool):
        return None
    rng = np.random.default_rng(SEED)
    pairs = [_better(one, two) for one, two in zip(scores.on(method), scores.on(other), strict=True)]
    # A resample only changes how often each seed counts.
    resampled = [
        np.einsum("ra,ab,rb->r", _shares(len(better), rng), better, _shares(better.shape[1], rng), optimize=True)
        for better in pairs
    ]
    return _ends(np.mean([better.mean() for better in pairs]), np.mean(resampled, axis=0))


def better_on_average(scores: Scores, method: str, other: str) -> float:
    """The same without an interval, for two methods of the pool."""
    both = zip(scores.on(method), scores.on(other), strict=True)
    return float(np.mean([_better(one, two).mean() for one, two in both]))


def _shares(count: int, rng: np.random.Generator) -> Values:
    """(resamples, count) the weights of the seeds in each resample."""
    return rng.multinomial(count, np.full(count, 1 / count), RESAMPLES) / count


def _better(one: Values, two: Values) -> Values:
    """(a, b) 1 where the first is better, 0.5 for a tie."""
    difference = one[:, None] - two[None]
    return np.asarray((difference > 0) + 0.5 * (difference == 0))


def mean_ranks(scores: Scores) -> dict[str, float]:
    """The mean over tasks of the rank of each method of the pool by its mean score; 1 is best, ties share a rank.

    Ranks depend on the pool: another method can reverse the order of two.
    """
    from scipy.stats import rankdata

    pool = scores.pool
    if not pool:
        return {}
    means = scores.means[[scores.methods.index(name) for name in pool]]
    return dict(zip(pool, rankdata(-means, axis=0).mean(1).tolist(), strict=True))


def profile(scores: Scores, method: str, levels: Values) -> Values:
    """The share of a method's runs above each level (levels,), averaged over tasks."""
    shares = [(values[None] > levels[:, None]).mean(1) for values in scores.on(method)]
    return np.asarray(np.mean(shares, axis=0))
