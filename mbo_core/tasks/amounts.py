"""What numbers in a table say of their column: a step, a few settings, bounds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.columns import Column
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Number, Real, Whole

Values = NDArray[np.float64]

EXACT = 2**53
"""Up to here float64 tells whole numbers apart."""
SETTINGS = 6
"""The most values, each seen several times, that are settings rather than amounts."""
PRECISION = {2: (5e-4, 2), 4: (5e-7, 5), 8: (5e-13, 6)}
"""By the bytes of a float: the relative rounding error that is forgiven, and the most digits that a step has."""
CODES = {"alloy", "batch", "class", "code", "grade", "kind", "lot", "model", "steel", "type", "variant", "version"}
"""Words in the name of a column whose whole numbers may be names."""
COUNTED = {"amount", "count", "number", "size", "time", "volume", "weight"}
"""Words after which they are amounts: batch_size."""


@dataclass(frozen=True)
class Amounts:
    """The numbers of a column, cells without one left out.

    Attributes:
        name: the column's name.
        values: (n,) finite.
        whole: whether they are written as whole numbers.
        unit: the unit that the cells are written with.
        precision: the bytes of the floats that they come from.
    """

    name: str
    values: Values
    whole: bool
    unit: str = ""
    precision: int = 8

    @cached_property
    def grid(self) -> tuple[int, int] | None:
        """The numbers' greatest common divisor, as a count of units 10**-decimals and the decimals; None without."""
        forgiven, digits = PRECISION[self.precision]
        values = np.unique(self.values)
        for places in range(13):
            scaled = values * 10.0**places
            if np.abs(scaled).max() >= EXACT:
                return None
            counts = np.rint(scaled)
            if (np.abs(scaled - counts) <= forgiven * np.abs(scaled)).all():
                counted = counts.astype(np.int64)
                return (int(np.gcd.reduce(counted)), places) if _digits(counted) <= digits else None
        return None

    @property
    def resolution(self) -> float:
        """The unit of the last decimal; a billionth of the spread for numbers that have no step."""
        grid = self.grid
        return 10.0 ** -grid[1] if grid else float(self.values.std()) * 1e-9

    def column(self, summed: bool = False) -> tuple[Column, str]:
        """The column that the numbers propose, and why.

        Args:
            summed: whether it is part of a sum, so that its settings are steps.
        """
        grid = self.grid
        step = grid[0] / 10 ** grid[1] if grid else None
        bounds = (float(self.values.min()), float(self.values.max()))
        if grid:
            bounds = (round(bounds[0], grid[1]), round(bounds[1], grid[1]))
        kind = Whole if self.whole else Real
        if bounds[0] == bounds[1]:
            inner = kind(self.name, bounds, unit=self.unit)
            return Fixed(
                self.name, int(bounds[0]) if self.whole else bounds[0], inner
            ), f"it is always {bounds[0]:.12g}"
        if not summed and (settings := self._settings(step, bounds)):
            listed = ", ".join(f"{value:.12g}" for value in settings)
            column: Number = kind(self.name, values=settings, unit=self.unit)
            return column, f"{len(settings)} settings, each seen several times: {listed}{self._question()}"
        column = kind(self.name, bounds, step if step != 1 or not self.whole else None, unit=self.unit)
        return column, self._range(step, bounds) + self._question()

    def _settings(self, step: float | None, bounds: tuple[float, float]) -> tuple[float, ...]:
        """The few values that are seen again and again, if they leave gaps in their grid."""
        tidy = np.round(self.values, self.grid[1]) if self.grid else self.values
        seen, counts = np.unique(tidy, return_counts=True)
        if len(seen) > SETTINGS or counts.min() < 2:
            return ()
        full = step is not None and len(seen) == round((bounds[1] - bounds[0]) / step) + 1
        return () if full else tuple(float(value) for value in seen)

    def _range(self, step: float | None, bounds: tuple[float, float]) -> str:
        what = "whole amounts" if self.whole else "amounts"
        steps = f"in steps of {step:.12g}" if step is not None else "without a step (too many digits)"
        unit = f" {self.unit}" if self.unit else ""
        return f"{what} from {bounds[0]:.12g} to {bounds[1]:.12g}{unit} {steps}"

    def _question(self) -> str:
        """A question where whole numbers may be names."""
        seen = np.unique(self.values)
        words = set(words_of(self.name))
        if not self.whole or len(seen) > 2 * SETTINGS or not CODES & words or COUNTED & words:
            return ""
        numbers = " and ".join(f"{value:.0f}" for value in seen[:2])
        return f'; {numbers} may be names: if so, make it a category (kind = "category")'


def _digits(counts: NDArray[np.int64]) -> int:
    """The most significant digits of whole numbers, zeros at the end left out."""
    counts = np.abs(counts[counts != 0])
    while (tens := (counts % 10 == 0)).any():
        counts = np.where(tens, counts // 10, counts)
    return len(str(counts.max(initial=0)))


def words_of(name: str) -> list[str]:
    """The words of a column's name, in small letters.

    >>> words_of("steel_grade"), words_of("expID"), words_of("flow [ml/min]")
    (['steel', 'grade'], ['exp', 'id'], ['flow', 'ml', 'min'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def number_of(cell: Any, unit: str = "") -> float:
    """The number in a cell; NaN if it has none."""
    try:
        return float(cell.strip().removesuffix(unit) if isinstance(cell, str) else cell)
    except (TypeError, ValueError, OverflowError):
        return math.nan
