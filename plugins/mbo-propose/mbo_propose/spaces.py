"""The space as a table for people: a row for each column."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
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
    """

    column: str
    kind: str
    lower: float | None
    upper: float | None
    step: float | None
    levels: list[Any] | None
    why: str

    def plain(self) -> dict[str, Any]:
        """Plain values, without the reason."""
        found = asdict(self)
        del found["why"]
        return found

    def cells(self) -> list[str]:
        """Column, kind, range, step, levels and reason as texts."""
        ends = "" if self.lower is None or self.upper is None else f"{self.lower:g} to {self.upper:g}"
        levels = self.levels or []
        texts = [f"{one:.10g}" if isinstance(one, float) else str(one) for one in levels]
        shown = ", ".join(texts[:SHOWN]) + (f", ... ({len(levels)})" if len(levels) > SHOWN else "")
        return [self.column, self.kind, ends, "" if self.step is None else f"{self.step:g}", shown, self.why]


def rows(space: Space, reasons: dict[str, str]) -> list[ColumnRow]:
    """The columns of a space, with the reason for each where there is one."""
    return [_row(column, reasons.get(column.name, "as given")) for column in space.columns]


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
