"""A table of past experiments, read from whatever people have."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.cells import columns_of, is_frame
from mbo_propose.reading.below import take_below
from mbo_propose.reading.columns import Column, Raw, as_it_is, column_of, raw, texts_of
from mbo_propose.reading.decimals import decimals
from mbo_propose.reading.delimiters import separated
from mbo_propose.reading.dialect import Dialect
from mbo_propose.reading.encoding import decoded
from mbo_propose.reading.errors import TableError
from mbo_propose.reading.grid import Grid, grid_of
from mbo_propose.reading.source import content_of, form_of
from mbo_propose.reading.units import unit_in
from mbo_propose.reading.workbook import parquet_of, sheet_of

Frame: TypeAlias = Any
"""A pandas DataFrame; pandas has no types that mypy accepts."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it was read.

    Attributes:
        name: the file's name without its ending, or what stands for it.
        frame: numbers as numbers, NaN without a value; texts as texts, NaN where a cell is empty.
        units: the unit of a column, by name: from its cells, the line below its name, or its name.
        dialect: how the table was written; its text is one line for people.
        notes: what was left out, stripped, converted, or is to be asked.
        rows: (N,) the place of each row in the file, counted like the lines of a spreadsheet.
        absent: the cells of a column that were read as no value, and how often, by name.
        limits: the number and the text of those that are limits with a number, by place, by name; see `at_limits`.
        strangers: the cells that are no numbers in a column that also has numbers, and how often, by name.
    """

    name: str
    frame: Frame
    units: dict[str, str]
    dialect: Dialect
    notes: list[str]
    rows: NDArray[np.int64]
    absent: dict[str, Counter[str]]
    limits: dict[str, dict[int, tuple[float, str]]]
    strangers: dict[str, Counter[str]]

    def write(self, frame: Frame, path: str | os.PathLike[str]) -> list[str]:
        """Write a frame as this table was written, and return notes.

        A path that ends in `.xlsx` or `.parquet` gets such a file, any other one text.

        Raises:
            TableError: if the file exists, or a needed library is missing.
            StoreError: if it cannot be written.
        """
        from mbo_propose.reading.writing import write

        return write(frame, Path(path), self.dialect)


def read(source: str | os.PathLike[str] | Frame | Mapping[str, Any], *, sheet: str | None = None) -> Table:
    """The table in a file, on standard input, or in a frame.

    Args:
        source: a path to CSV, TSV, Excel or Parquet, `-` for standard input, a pandas DataFrame, or a mapping of
            columns.
        sheet: the sheet of an Excel workbook that has several.

    Raises:
        TableError: for a table that cannot be read or has no rows, only one column, or duplicate names.
    """
    if not isinstance(source, (str, os.PathLike)):
        if not is_frame(source):
            raise TableError(f"table is a {type(source).__name__}", "give a path, a DataFrame, or a mapping of columns")
        return _from_frame("frame", source, Dialect(form="frame"))
    label, content = content_of(source)
    name = "table" if source == "-" else Path(source).stem
    form = form_of(label, content)
    if sheet is not None and form != "excel":
        raise TableError(f"table {label} has no sheets", "leave out --sheet")
    if form == "parquet":
        return _from_frame(name, parquet_of(label, content), Dialect(form="parquet"))
    if form == "excel":
        title, records, notes = sheet_of(label, content, sheet)
        return _from_grid(name, grid_of(label, records), Dialect(form="excel", sheet=title), notes)
    return _from_text(name, label, content)


def _from_text(name: str, label: str, content: bytes) -> Table:
    codec, text, notes = decoded(label, content)
    cells, said = separated(text)
    stream = io.TextIOWrapper(io.BytesIO(content), encoding=codec, newline="")
    if text[:4].casefold() == "sep=":
        stream.readline()
    try:
        grid = grid_of(label, cells.records(stream))
    except csv.Error as error:
        raise TableError(
            f"table {label} cannot be read as text: {error}", "close every quote, or save it again"
        ) from error
    newline = "\r\n" if "\r\n" in text else "\n"
    return _from_grid(name, grid, Dialect(cells=cells, encoding=codec, newline=newline), [*notes, *said])


def _from_grid(name: str, grid: Grid, dialect: Dialect, notes: list[str]) -> Table:
    below = take_below(grid)
    rows = np.array(grid.rows)
    columns = dict(zip(grid.names, grid.columns, strict=True))
    grid.columns = []
    return _made(name, columns, rows, replace(dialect, below=below), [*notes, *grid.notes])


def _from_frame(name: str, frame: Any, dialect: Dialect) -> Table:
    try:
        columns = columns_of(frame, name)
    except TaskError as error:
        raise TableError(error.message, error.hint) from error
    if len(columns) < 2:
        raise TableError(f"{name} has only one column", "give the inputs and the scores in columns of their own")
    rows = np.arange(1, len(next(iter(columns.values()))) + 1)
    return _made(name, {key: raw(cells) for key, cells in columns.items()}, rows, dialect, [])


def _made(name: str, columns: dict[str, Raw], rows: NDArray[np.int64], dialect: Dialect, notes: list[str]) -> Table:
    """The table of raw columns, which are forgotten one by one: a million rows of texts take a gigabyte."""
    import pandas

    texts = {key: found for key, cells in columns.items() if (found := texts_of(cells)) is not None}
    point = decimals(texts, dialect.cells.delimiter if dialect.form == "text" else "")
    read: dict[str, Column] = {}
    for key in list(columns):
        cells, text = columns.pop(key), texts.pop(key, None)
        read[key] = as_it_is(cells) if text is None else column_of(key, text, point.own.get(key, point.sign))
    behind = {key: one.gap + one.unit for key, one in read.items() if one.unit}
    return Table(
        name=name,
        frame=pandas.DataFrame({key: one.series for key, one in read.items()}),
        units=_units(read, dialect),
        dialect=replace(dialect, sign=point.sign, behind=behind),
        notes=[*notes, *point.notes, *(note for one in read.values() for note in one.notes)],
        rows=rows,
        absent={key: one.absent for key, one in read.items() if one.absent},
        limits={key: one.limits for key, one in read.items() if one.limits},
        strangers={key: one.strangers for key, one in read.items() if one.strangers},
    )


def _units(read: Mapping[str, Column], dialect: Dialect) -> dict[str, str]:
    """The unit of each column, from the cells before the line below the names, and the names last."""
    below = dialect.below.units() if dialect.below else {}
    units = {name: one.unit or below.get(name, "") or unit_in(name) for name, one in read.items()}
    return {name: unit for name, unit in units.items() if unit}
