"""The space as a table for people: a row for each column."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from mbo_core.tasks.columns import Category, Column, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Number
from mbo_core.tasks.space import Space

SHOWN = 6
"""Levels of a column that are printed."""


@dataclass(frozen=True)
class ColumnRow:
    """A column of the space.

    Attributes:
        column: its name.
        kind: `real`, `whole`, `category`, `sequence` or `fixed`.
        lower: the smallest number; None for others.
        upper: the largest.
        step: of a number, or None.
        levels: the levels of a category, the values of a number that lists them, the letters of a sequence, or the
            value that is fixed; None for others.
        why: the reason.
        unit: the unit of a number, or "".
    """

    column: str
    kind: str
    lower: float | None
    upper: float | None
    step: float | None
    levels: list[Any] | None
    why: str
    unit: str = ""

    def plain(self) -> dict[str, Any]:
        """Plain values, without the reason."""
        found = asdict(self)
        del found["why"]
        return found

    def cells(self) -> list[str]:
        """Column, kind, range, step, levels and reason as texts."""
        unit = f" {self.unit}" if self.unit else ""
        ends = "" if self.lower is None or self.upper is None else f"{self.lower:g} to {self.upper:g}{unit}"
        levels = [f"{one:.10g}" if isinstance(one, float) else str(one) for one in self.levels or []]
        more = len(levels) > SHOWN
        listed = ", ".join(levels[:SHOWN]) + (", ..." if more else "")
        why = self.why.replace(f": {listed}", "", 1)  # they have a cell of their own
        listed += f" ({len(levels)})" if more else unit if self.kind == "fixed" else ""
        return [self.column, self.kind, ends, "" if self.step is None else f"{self.step:g}", listed, why]


def rows(space: Space, reasons: dict[str, str], units: Mapping[str, str] | None = None) -> list[ColumnRow]:
    """The columns of a space, with the reason for each where there is one, and the units of numbers."""
    made = [_row(column, reasons.get(column.name, "as given")) for column in space.columns]
    known = units or {}
    return [replace(one, unit=known.get(one.column, "")) if _counts(one) else one for one in made]


def _counts(row: ColumnRow) -> bool:
    """Whether the cells of a column are numbers, which have a unit."""
    return row.lower is not None or all(isinstance(one, (int, float)) for one in row.levels or [""])


def _row(column: Column, why: str) -> ColumnRow:
    if isinstance(column, Fixed):
        return ColumnRow(column.name, column.what, None, None, None, [column.value], why)
    if isinstance(column, Number):
        lower, upper = (float(end) if math.isfinite(end) else None for end in column.bounds)
        values = None if column.values is None else list(column.values)
        return ColumnRow(column.name, column.what, lower, upper, column.step, values, why)
    levels = column.levels if isinstance(column, Category) else ()
    if isinstance(column, Sequence):
        levels = column.alphabet or tuple(map(str, range(column.classes)))
    return ColumnRow(column.name, column.what, None, None, None, list(levels), why)
