"""A grid of cells from records: the lines above the header, the names, the line below it, rows without cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from mbo_core.text import released
from mbo_propose.reading.errors import TableError
from mbo_propose.reading.numerals import numeral

CHUNK = 2_000
"""So many records are turned into columns at once."""
HEAD = 50
"""So many records say how wide a table is."""

Record = tuple[int, list[Any]]
"""The place of a record in the file, from 1, and its cells; blank ones are empty texts."""


@dataclass
class Grid:
    """Columns of cells as they stand in a file.

    Attributes:
        names: of the columns, distinct.
        columns: the cells of each.
        rows: the place of each row in the file, counted like the lines of a spreadsheet.
        notes: what was left out or filled in.
    """

    names: list[str]
    columns: list[list[Any]]
    rows: list[int]
    notes: list[str] = field(default_factory=list)


def grid_of(label: str, records: Iterable[list[Any]]) -> Grid:
    """The grid in the records of a file.

    Raises:
        TableError: for no rows, one column, duplicate or missing names, or a record with too many cells.
    """
    numbered = ((number, record) for number, record in enumerate(records, 1) if record.count("") < len(record))
    head = list(islice(numbered, HEAD))
    above = _above(head)
    notes = _said_above(head[:above])
    if not head[above:]:
        raise TableError(f"table {label} is empty", "give a line of column names and one row per experiment")
    names = _names(label, head[above][1])
    grid = Grid(names, [[] for _ in names], [], notes)
    _fill(label, grid, chain(head[above + 1 :], numbered))
    if not grid.rows:
        raise TableError(f"table {label} has a line of column names and no rows", "give one row per experiment")
    _name(grid)
    _check(label, grid)
    return grid


def _above(head: list[Record]) -> int:
    """How many lines stand above the header: titles and comments, narrower than the table."""
    filled = [sum(cell != "" for cell in record) for _, record in head]
    widths = Counter(len(record) for _, record in head)
    width = max(widths, key=lambda one: (widths[one], one), default=0)
    for place, (_, record) in enumerate(head):
        comment = str(record[0]).startswith("#") and len(record) != width
        title = filled[place] == 1 and (width > 2 or len(record) < width) and max(filled[place:]) > 2
        lone = len(record) == 1 and width > 1
        if not (comment or title or lone):
            return place
    return len(head)


def _said_above(above: list[Record]) -> list[str]:
    if not above:
        return []
    first = next(str(cell) for cell in above[0][1] if cell != "")
    lines = "line" if len(above) == 1 else "lines"
    return [f'{len(above)} {lines} above the column names left out ("{first[:40]}")']


def _names(label: str, record: list[Any]) -> list[str]:
    names = [released(str(cell).strip()) for cell in record]
    said = [name for name in names if name]
    if said and all(numeral(name, ".") or numeral(name, ",") for name in said):
        fact = f"table {label} has no line of column names: the first line is {', '.join(said[:4])}"
        raise TableError(fact, "give each column a name in the first line")
    return names


def _fill(label: str, grid: Grid, records: Iterator[Record]) -> None:
    width = len(grid.names)
    short: list[int] = []
    while chunk := list(islice(records, CHUNK)):
        grid.rows += [number for number, _ in chunk]
        uneven = {place: one for place, one in enumerate(chunk) if len(one[1]) != width}
        short += [number for number, record in uneven.values() if len(record) < width]
        fitted = [record for _, record in chunk]
        for place, (number, record) in uneven.items():
            fitted[place] = _fitted(label, number, record, width)
        for column, cells in zip(grid.columns, zip(*fitted, strict=True), strict=True):
            column.extend(cells)
    if short:
        rows = "row" if len(short) == 1 else "rows"
        listed = ", ".join(map(str, short[:5])) + (", ..." if len(short) > 5 else "")
        grid.notes.append(f"{len(short)} {rows} with fewer than {width} cells, the others read as empty: {listed}")


def _fitted(label: str, number: int, record: list[Any], width: int) -> list[Any]:
    beyond = [cell for cell in record[width:] if cell != ""]
    if beyond:
        fact = f"row {number} of the table {label} has {len(record)} cells, the line of column names has {width}"
        comma = all(cell.lstrip("-").isdigit() for cell in record if isinstance(cell, str) and cell != "")
        hint = "decimal commas need another delimiter: save it with ';'" if comma else "quote cells with the delimiter"
        raise TableError(fact, f"{hint}; give each column a name")
    return [*record[:width], *[""] * (width - len(record))]


def _name(grid: Grid) -> None:
    """Drop columns without a name and without cells; name the others by their place."""
    empty = [not name and not any(cell != "" for cell in cells) for name, cells in _pairs(grid)]
    unnamed = [place for place, name in enumerate(grid.names) if not name and not empty[place]]
    if unnamed:
        grid.notes.append(f"{len(unnamed)} columns without a name, called after their place: Unnamed: {unnamed[0]}")
    named = [name or f"Unnamed: {place}" for place, name in enumerate(grid.names)]
    kept = [place for place, none in enumerate(empty) if not none]
    grid.names, grid.columns = [named[place] for place in kept], [grid.columns[place] for place in kept]


def _pairs(grid: Grid) -> Iterator[tuple[str, list[Any]]]:
    return zip(grid.names, grid.columns, strict=True)


def _check(label: str, grid: Grid) -> None:
    duplicates = [name for name, count in Counter(grid.names).items() if count > 1]
    if duplicates:
        listed = ", ".join(f'"{name}"' for name in duplicates)
        raise TableError(f"duplicate column {listed} in the table {label}", "rename or leave out one of them")
    if len(grid.names) < 2:
        fact = f'table {label} has only one column: "{grid.names[0][:60]}"'
        raise TableError(fact, "give each input and the scores a column, with one delimiter between them")
