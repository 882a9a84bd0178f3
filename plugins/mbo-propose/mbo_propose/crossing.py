"""Predictions for rows by proxies that were not trained on them."""

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
