"""Columns of numbers: amounts with bounds, steps or listed values."""

from __future__ import annotations

import math
from collections.abc import Sequence as Many
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.columns import Array, Cells, Column

TOLERANCE = 1e-9
"""How far a number may lie from a bound or a grid, in units of its range, and still count as on it."""
FREE = (-math.inf, math.inf)
"""No bounds."""


@dataclass(frozen=True)
class Number(Column):
    """An amount: a coordinate with an order. Use `Real` or `Whole`.

    Attributes:
        name: the column's name.
        bounds: the smallest and the largest value; infinite where there is none.
        step: only its multiples exist (a pump that moves by 0.5), counted from 0; None if any number does.
        values: the only values that exist, ascending (0.5, 1, 2.4); None if any within the bounds does.
        log: whether the logarithm is what matters.
        unit: the unit, for people.
    """

    name: str
    bounds: tuple[float, float] = FREE
    step: float | None = None
    values: tuple[float, ...] | None = None
    log: bool = False
    unit: str = ""
    what: ClassVar[str] = "number"

    def __post_init__(self) -> None:
        """Check the bounds, step and values against each other.

        Raises:
            TaskError: with the fact.
        """
        if self.values is not None:
            self._take_values()
        lower, upper = (float(bound) for bound in self.bounds)
        object.__setattr__(self, "bounds", (lower, upper))
        if math.isnan(lower) or math.isnan(upper) or lower > upper:
            raise TaskError(f'column "{self.name}" has bounds from {lower:g} to {upper:g}', "give the lower one first")
        if self.log and lower < 0:
            raise TaskError(
                f'log column "{self.name}" has bounds from {lower:g}', "give positive bounds, or log = false"
            )
        if self.step is not None:
            self._check_step(float(self.step))

    def _take_values(self) -> None:
        values = tuple(float(value) for value in self.values or ())
        if self.step is not None:
            raise TaskError(f'column "{self.name}" has a step and listed values', "give one of them")
        if not values or not np.isfinite(values).all():
            raise TaskError(f'column "{self.name}" lists no finite values', "list them")
        twice = [value for place, value in enumerate(values) if value in values[:place]]
        if twice:
            raise TaskError(f'duplicate value {twice[0]:g} in column "{self.name}"', "list each once")
        lower, upper = self.bounds
        inside = tuple(sorted(value for value in values if lower <= value <= upper))
        if not inside:
            raise TaskError(f'none of the values of column "{self.name}" is within its bounds', "change either")
        object.__setattr__(self, "values", inside)
        object.__setattr__(self, "bounds", (inside[0], inside[-1]))

    def _check_step(self, step: float) -> None:
        if not (math.isfinite(step) and step > 0):
            raise TaskError(f'step {step:g} of column "{self.name}" is not above 0', "give a positive number")
        lower, upper = self.bounds
        if step * (1 - TOLERANCE) > upper - lower > 0:  # 0.6 - 0.4 is a little less than 0.2
            fact = f'step {step:g} of column "{self.name}" exceeds its range from {lower:g} to {upper:g}'
            raise TaskError(fact, "give a smaller step, or list the values")
        first, last = self.places
        if first > last:
            fact = f'no multiple of {step:g} lies within the bounds {lower:g} to {upper:g} of column "{self.name}"'
            raise TaskError(fact, "change the bounds or the step")

    @property
    def places(self) -> tuple[float, float]:
        """The first and the last multiple of the step within the bounds, as counts of steps."""
        step, (lower, upper) = self.step or 1.0, self.bounds
        first = math.ceil(lower / step - TOLERANCE) if math.isfinite(lower) else lower
        last = math.floor(upper / step + TOLERANCE) if math.isfinite(upper) else upper
        return first, last

    @property
    def scale(self) -> float:
        """What distances are divided by: the range, or 1 where it is not finite or 0."""
        width = self.bounds[1] - self.bounds[0]
        return width if math.isfinite(width) and width > 0 else 1.0

    @property
    def plain(self) -> bool:
        """Whether any number will do."""
        return self.bounds == FREE and self.step is None and self.values is None

    @property
    def size(self) -> int | None:
        """The number of values within the bounds."""
        if self.values is not None:
            return len(self.values)
        if self.bounds[0] == self.bounds[1]:
            return 1
        first, last = self.places
        return None if self.step is None or not math.isfinite(last - first) else int(last - first) + 1

    def listed(self) -> Array:
        """The values, ascending."""
        if self.values is not None:
            return np.array(self.values)[:, None]
        if self.bounds[0] == self.bounds[1]:
            return np.array([[self.bounds[0]]])
        first, last = self.places
        return self.on_grid(np.arange(int(first), int(last) + 1, dtype=np.float64))[:, None]

    def on_grid(self, places: Array) -> Array:
        """Counts of steps as numbers, written with no more decimals than the step."""
        step = self.step or 1.0
        return np.asarray(np.round(places * step, decimals(step)))

    def nearest(self, x: Array) -> Array:
        """The nearest number that exists."""
        if self.values is not None:
            known = np.array(self.values)
            return np.asarray(known[np.abs(x[..., None] - known).argmin(-1)])
        if self.step is not None:
            first, last = self.places
            return self.on_grid(np.clip(np.rint(x / self.step), first, last))
        return np.asarray(np.clip(x, *self.bounds))

    def holds(self, x: Array) -> NDArray[np.bool_]:
        """Whether each number exists, but for rounding."""
        room = TOLERANCE * np.maximum(self.scale, np.abs(x) * 1e-3)
        return np.asarray((np.abs(self.nearest(x) - x) <= room).all(1))

    def distance(self, a: Array, b: Array) -> NDArray[np.float64]:
        """The difference in units of the range."""
        return np.asarray(np.abs(a - b)[:, 0] / self.scale, dtype=np.float64)

    def read(self, cells: Many[Any]) -> Array:
        """The numbers in the cells; the unit may stand behind them."""
        if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf" and np.isfinite(cells).all():
            return np.asarray(cells, dtype=np.float64).reshape(-1, 1)
        return np.array([[self._number(row, cell)] for row, cell in enumerate(cells)]).reshape(-1, 1)

    def _number(self, row: int, cell: Any) -> float:
        try:
            number = float(cell.strip().removesuffix(self.unit) if isinstance(cell, str) else cell)
        except (TypeError, ValueError) as error:
            fact = f'cell "{cell}" in row {row} of column "{self.name}" is not a number'
            raise TaskError(fact, "fix the cell, or make the column a category") from error
        if not math.isfinite(number):
            raise TaskError(
                f'cell in row {row} of column "{self.name}" is {number}', "fill it in, or leave the row out"
            )
        return number

    def cells(self, x: Array) -> Cells:
        """The number."""
        return {self.name: float(x[0])}


@dataclass(frozen=True)
class Real(Number):
    """A real amount."""

    what: ClassVar[str] = "real"


@dataclass(frozen=True)
class Whole(Number):
    """A whole amount (layers, cycles, hours): a number with an order, never a token."""

    what: ClassVar[str] = "whole"

    def __post_init__(self) -> None:
        """Check it as a number whose step is 1 unless it says otherwise."""
        if self.step is None and self.values is None:
            object.__setattr__(self, "step", 1.0)
        super().__post_init__()
        if not all(float(value).is_integer() for value in (self.step or 1.0, *(self.values or ()))):
            raise TaskError(f'whole column "{self.name}" has a step or a value that is not whole', "make it real")

    def cells(self, x: Array) -> Cells:
        """The number, without decimals where it has none."""
        return {self.name: int(x[0]) if float(x[0]).is_integer() else float(x[0])}


def decimals(number: float) -> int:
    """How many decimals a number is written with.

    >>> decimals(0.05), decimals(5.0), decimals(1e-7)
    (2, 0, 7)
    """
    exponent = Decimal(repr(float(number))).normalize().as_tuple().exponent
    return max(0, -int(exponent))
