"""The chance that a design gets a score at all, and that it keeps the limits on measured columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from mbo_core.runs.result import Result
from mbo_propose.backtest import CANDIDATES, DEFAULT
from mbo_propose.crossing import held_out
from mbo_propose.given import Given
from mbo_propose.models import on, planned, proxies, trained_on
from mbo_propose.spacing import Spacing
from mbo_propose.wishes import Limit

FEWEST_FAILURES = 3
TOGETHER = 0.7
"""From this area under the ROC curve on designs that a tree did not see, designs without a score lie together."""
FOLDS = 3

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Success:
    """The learned chance to get a score.

    Attributes:
        forest: scikit-learn's classifier.
        spacing: what writes designs as points.
        area: under the ROC curve, on designs that a tree did not see.
    """

    forest: Any
    spacing: Spacing
    area: float

    def of(self, x: NDArray[Any]) -> Values:
        """The chance of each design (n, length)."""
        return np.asarray(self.forest.predict_proba(self.spacing.to_points(x))[:, 1])


def learned_success(given: Given, spacing: Spacing, seed: int) -> Success | None:
    """The chance to get a score, if designs without one lie together; else None."""
    from sklearn.ensemble import RandomForestClassifier

    failed = len(given.failed)
    if failed < FEWEST_FAILURES or not len(given.task.x):
        return None
    rows = trained_on(given.task, seed)
    x = np.concatenate([given.task.x[rows], given.failed])
    scored = np.arange(len(x)) < len(rows)
    forest = RandomForestClassifier(200, min_samples_leaf=2, oob_score=True, random_state=seed)
    forest.fit(spacing.to_points(x), scored)
    area = _area(forest.oob_decision_function_[:, 1], scored)
    return Success(forest, spacing, area) if area >= TOGETHER else None


def _area(score: Values, positive: NDArray[np.bool_]) -> float:
    """The area under the ROC curve."""
    ranks, count = rankdata(np.nan_to_num(score, nan=0.5)), int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(score) - count)))


@dataclass(frozen=True, eq=False)
class Kept:
    """The chance to keep a limit, by a proxy of the measured column.

    Attributes:
        limit: the limit.
        proxy: the trained proxies.
        error: their root mean squared error on held-out rows.
    """

    limit: Limit
    proxy: Result
    error: float

    def of(self, x: NDArray[Any]) -> Values:
        """The chance of each design (n, length), with normal errors."""
        mean, spread = self.proxy.predict(x).mean, max(self.error, 1e-12)
        above = norm.cdf((self.limit.upper - mean) / spread)
        return np.asarray(above - norm.cdf((self.limit.lower - mean) / spread))


def learned_limits(given: Given, seed: int) -> list[Kept]:
    """The chance to keep each limit."""
    return [_kept(given, limit, seed) for limit in given.limits]


def _kept(given: Given, limit: Limit, seed: int) -> Kept:
    values = given.measured[limit.column]
    there = np.flatnonzero(np.isfinite(values))
    task = on(given.task, given.task.x[there], given.task.sign * values[there])
    rows = trained_on(task, seed)
    task = on(task, task.x[rows], task.y[rows])
    recipe = planned(CANDIDATES[DEFAULT].recipe, task, [seed]).asked
    return Kept(limit, proxies(recipe, task, [seed]), held_out(recipe, task, FOLDS, seed).error)


def together(chances: list[Values]) -> Values | None:
    """The product of chances; None without any."""
    return None if not chances else np.asarray(np.prod(chances, axis=0))
