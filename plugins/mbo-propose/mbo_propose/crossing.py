"""Predictions for rows by proxies that were not trained on them, and lower bounds from their errors."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import mbo_core as mbo
from mbo_core.tasks.task import Task
from mbo_propose.models import of_rows, proxies

FOLDS = 5
WIDEST = 2.5
"""A proxy's own spread counts up to so many times its typical one."""
ALPHA = 0.1
"""A lower bound is meant to be missed this often."""
FEWEST_EFFECTIVE = 20.0
"""Fewer effective rows, by their weights, bound nothing."""

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What is predicted for designs by proxies that were not trained on them; scores as people have them.

    Attributes:
        rows: (n,) the places of the designs in the task.
        observed: (n,) their scores.
        predicted: (n,) their predictions.
        spread: (n,) the standard deviations of these.
    """

    rows: NDArray[np.int64]
    observed: Values
    predicted: Values
    spread: Values

    @property
    def error(self) -> float:
        """The root mean squared error."""
        return float(np.sqrt(np.mean((self.predicted - self.observed) ** 2)))

    def total(self, spread: Values) -> Values:
        """The standard deviation of the errors of predictions whose own is `spread` (n,).

        It is the error on these rows for a typical prediction, and grows to twice that with a proxy's own spread,
        whose unit is not relied on.
        """
        typical = float(np.sqrt(np.mean(self.spread**2))) or 1.0
        return np.asarray(self.error * np.sqrt((1 + np.minimum(spread / typical, WIDEST) ** 2) / 2))


def held_out(recipe: mbo.Recipe, task: Task, folds: int = FOLDS, seed: int = 0, seconds: float = np.inf) -> HeldOut:
    """Predictions for each row by a proxy that was trained on the other folds.

    Once the time has ended, no further fold is begun, and its rows are left out.

    Args:
        recipe: a resolved recipe whose proxy predicts scores.
        task: the table; each row is a distinct design.
        folds: the number of parts.
        seed: which rows go together, and the seed of the proxies.
        seconds: the time.
    """
    begun, done = time.perf_counter(), list[NDArray[np.int64]]()
    count = len(task.y)
    part = np.random.default_rng([seed, 7]).permutation(count) % min(folds, count)
    mean, std = np.zeros(count), np.zeros(count)
    for one in range(part.max() + 1):
        if done and (time.perf_counter() - begun) * (1 + 1 / len(done)) > seconds:
            break
        rows = np.flatnonzero(part == one)
        done.append(rows)
        known = proxies(recipe, of_rows(task, np.flatnonzero(part != one)), [seed])
        found = known.predict(task.x[rows])
        mean[rows], std[rows] = found.mean, found.std
    places = np.sort(np.concatenate(done))
    return HeldOut(places, task.as_given(task.y[places]), mean[places], std[places])


def lower_bounds(known: HeldOut, predicted: Values, sign: int, alpha: float = ALPHA) -> list[float | None]:
    """A bound that the score of each design is meant to reach with the chance 1 - alpha; None: cannot tell.

    Weighted split-conformal (Tibshirani et al., NeurIPS 2019). A row counts by exp(prediction / T), where T makes the
    weighted mean of the rows' predictions that of the designs': designs of a search are like the rows that are
    predicted to be good. With rows of several folds the bound is approximate.

    Args:
        known: predictions for rows by proxies that were not trained on them.
        predicted: (n,) predictions for the designs.
        sign: -1 if smaller scores are better.
        alpha: how often a bound may be missed.
    """
    rows, designs = sign * known.predicted, sign * predicted
    inside = designs <= rows.max()
    if len(rows) < 1 / alpha - 1 or not inside.any():
        return [None] * len(predicted)
    temperature = _temperature(rows, float(designs[inside].mean()))
    top = float(rows.max())
    weights = np.exp((rows - top) / temperature)
    if weights.sum() ** 2 / (weights**2).sum() < FEWEST_EFFECTIVE:
        return [None] * len(predicted)
    excess = rows - sign * known.observed
    order = np.argsort(excess, kind="stable")
    upto, whole = weights[order].cumsum(), weights.sum()
    found: list[float | None] = []
    for design, one in zip(designs, inside, strict=True):
        own = np.exp((design - top) / temperature)
        reached = np.flatnonzero(upto / (whole + own) >= 1 - alpha)
        found.append(sign * (design - excess[order[reached[0]]]) if one and len(reached) else None)
    return found


def _temperature(rows: Values, mean: float) -> float:
    """T such that the mean of the rows' predictions, weighted by exp(prediction / T), is `mean`; bisection."""
    spread = float(rows.std()) or 1.0
    low, high = 1e-3 * spread, 1e3 * spread
    for _ in range(100):
        middle = np.sqrt(low * high)
        weights = np.exp((rows - rows.max()) / middle)
        if (weights @ rows) / weights.sum() > mean:
            low = middle
        else:
            high = middle
    return float(high)
