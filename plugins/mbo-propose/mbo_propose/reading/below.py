"""The line of units, or of types, that some tables have below their column names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from mbo_propose.reading.grid import Grid
from mbo_propose.reading.missing import is_missing
from mbo_propose.reading.numerals import numeral
from mbo_propose.reading.units import bare, is_bracketed, is_unit

What: TypeAlias = Literal["units", "types"]

SAMPLE = 200
"""So many cells below the line say whether a column holds numbers."""
_TYPES = (
    "numeric number numerical float float32 float64 double decimal real int int32 int64 integer whole string str text "
    "char varchar object category categorical factor nominal ordinal continuous discrete bool boolean date datetime "
    "time timestamp c d s data metadata type types"
)
TYPES = frozenset(_TYPES.split())
"""What a line of types is made of."""
_NEUTRAL = frozenset(["", "-", "[-]", "(-)", "\u2013", "1", "[1]", "/"])


class Below(NamedTuple):
    """The line below the column names.

    Attributes:
        what: whether it says units or types.
        cells: its text for each column.
    """

    what: What
    cells: dict[str, str]

    def units(self) -> dict[str, str]:
        """The units that it says, by column."""
        if self.what == "types":
            return {}
        return {name: bare(cell) for name, cell in self.cells.items() if cell not in _NEUTRAL}


def take_below(grid: Grid) -> Below | None:
    """The line of units or of types, which is taken out of the grid; None if the first row is data.

    It is one if no column of numbers has a number in it, and what stands there are units, words in brackets, or types.
    """
    first = [str(column[0]).strip() for column in grid.columns]
    what = _what(first, [_numbers(column[1 : SAMPLE + 1]) for column in grid.columns], grid.columns)
    if what is None:
        return None
    for column in grid.columns:
        del column[0]
    del grid.rows[0]
    return Below(what, dict(zip(grid.names, first, strict=True)))


def _what(first: list[str], numbers: list[bool], columns: list[list[Any]]) -> What | None:
    amounts = [cell for cell, number in zip(first, numbers, strict=True) if number and cell not in _NEUTRAL]
    others = [(cell, column) for cell, number, column in zip(first, numbers, columns, strict=True) if not number]
    if not amounts or any(numeral(cell, ".") or numeral(cell, ",") for cell in amounts):
        return None
    if all(cell.casefold() in TYPES for cell in amounts) and all(_type(cell) for cell, _ in others):
        return "types"
    known = sum(is_unit(cell) or is_bracketed(cell) for cell in amounts)
    listed = sum(is_missing(cell) for cell in amounts)
    fits = all(_beside(cell, column) for cell, column in others)
    return "units" if 2 * known > len(amounts) and not listed and fits else None


def _type(cell: str) -> bool:
    return cell in _NEUTRAL or cell.casefold() in TYPES


def _beside(cell: str, column: list[Any]) -> bool:
    """Whether a cell of a column of texts may stand in a line of units: blank, or like one, and no level."""
    return cell in _NEUTRAL or ((is_unit(cell) or is_bracketed(cell) or _type(cell)) and cell not in column[1:])


def _numbers(cells: Sequence[Any]) -> bool:
    """Whether a column holds numbers, but for cells without a value."""
    held = [cell for cell in cells if not isinstance(cell, str) or not is_missing(cell.strip())]
    found = sum(not isinstance(cell, str) or bool(numeral(cell, ".") or numeral(cell, ",")) for cell in held)
    return bool(held) and found >= 0.8 * len(held)
