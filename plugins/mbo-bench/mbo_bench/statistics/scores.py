"""The scores of several methods on several tasks with several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pandas import DataFrame

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Scores, larger is better.

    Attributes:
        methods: their names.
        tasks: their names.
        values: (methods, tasks, seeds), NaN where there is none.
    """

    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    values: Values

    @classmethod
    def of(cls, frame: DataFrame, column: str) -> Scores:
        """The scores in a column of a frame with a row for each method, task and seed, in the order of the frame."""
        methods, tasks = (tuple(dict.fromkeys(frame[name])) for name in ("method", "task"))
        seeds = sorted(set(frame["seed"]))
        values = np.full((len(methods), len(tasks), len(seeds)), np.nan)
        places = zip(*(frame[name].map(_places(of)) for name, of in _axes(methods, tasks, seeds)), strict=True)
        for place, score in zip(places, frame[column], strict=True):
            values[place] = np.nan if score is None else score
        return cls(methods, tasks, values)

    def on(self, method: str) -> list[Values]:
        """The scores of a method on each task, those that are there."""
        return [row[~np.isnan(row)] for row in self.values[self.methods.index(method)]]

    @property
    def pool(self) -> tuple[str, ...]:
        """The methods with a score on every task; only they can be compared over all tasks."""
        there = [not np.isnan(row).any() for row in self.means]
        return tuple(name for name, whole in zip(self.methods, there, strict=True) if whole)

    @property
    def means(self) -> Values:
        """(methods, tasks) the means over the seeds that are there, NaN for none."""
        there = ~np.isnan(self.values)
        count = there.sum(2)
        total = np.where(there, self.values, 0.0).sum(2)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _axes(*names: Sequence[object]) -> list[tuple[str, Sequence[object]]]:
    return list(zip(("method", "task", "seed"), names, strict=True))


def _places(names: Sequence[object]) -> dict[object, int]:
    return {name: place for place, name in enumerate(names)}
