"""Writing a frame as the table it belongs to was written."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mbo_core.tasks.cells import is_numeric
from mbo_propose.reading.dialect import Dialect
from mbo_propose.reading.errors import TableError
from mbo_propose.reading.formulas import safe

CHUNK = 10_000
"""So many rows are texts at once."""


def write(frame: Any, path: Path, dialect: Dialect) -> list[str]:
    """Write a frame completely or not at all, and return notes.

    Raises:
        TableError: if the file exists, or a needed library is missing.
        StoreError: if it cannot be written.
    """
    from mbo_core.runs import store

    if path.exists():
        raise TableError(f'file "{path}" exists', "nothing was written: name another file, or remove this one")
    ending = path.suffix.casefold()
    if ending == ".xlsx":
        store.write(path, _workbook(frame, dialect))
        return []
    if ending in (".parquet", ".pq"):
        store.write(path, _parquet(frame))
        return []
    content, notes = _encoded(_text(frame, dialect), dialect)
    store.write(path, content)
    return notes


def spelt(cell: Any, sign: str = ".", behind: str = "") -> str:
    """A cell as text.

    >>> spelt(0.5, ","), spelt(5.0), spelt(float("nan")), spelt(12, behind=" mL"), spelt("@x")
    ('0,5', '5', '', '12 mL', "'@x")
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, (int, float)):
        return str(cell).removesuffix(".0").replace(".", sign) + behind
    return safe(str(cell))


def _text(frame: Any, dialect: Dialect) -> str:
    text = io.StringIO()
    cells = dialect.cells
    writer = csv.writer(
        text,
        delimiter=cells.delimiter,
        quotechar=cells.quote,
        escapechar=cells.escape,
        doublequote=cells.escape is None,
        lineterminator=dialect.newline,
    )
    writer.writerows(_rows(frame, dialect))
    return text.getvalue()


def _rows(frame: Any, dialect: Dialect) -> Iterator[list[str]]:
    """The column names, the line below them, and the rows, as texts."""
    names = [str(name) for name in frame.columns]
    yield [safe(name) for name in names]
    if dialect.below:
        yield [safe(dialect.below.cells.get(name, "")) for name in names]
    for start in range(0, len(frame), CHUNK):
        part = frame.iloc[start : start + CHUNK]
        columns = [
            [spelt(cell, dialect.sign, dialect.behind.get(name, "")) for cell in part.iloc[:, place].tolist()]
            for place, name in enumerate(names)
        ]
        yield from map(list, zip(*columns, strict=True))


def _encoded(text: str, dialect: Dialect) -> tuple[bytes, list[str]]:
    """The text in the table's encoding, or in UTF-8 where that lacks a sign."""
    try:
        return text.encode(dialect.encoding), []
    except UnicodeEncodeError as error:
        sign = text[error.start]
        return text.encode("utf-8-sig"), [f'written as UTF-8: the table\'s encoding lacks "{sign}"']


def _workbook(frame: Any, dialect: Dialect) -> bytes:
    """The frame as a workbook; texts are texts even where they start like a formula."""
    from mbo_propose.reading.workbook import optional

    with optional("openpyxl", "writing an Excel workbook"):
        from openpyxl import Workbook

        book = Workbook()
        sheet = book.active
        sheet.title = dialect.sheet or "proposals"
        for row, cells in enumerate(_typed(frame, dialect), 1):
            for place, cell in enumerate(cells, 1):
                made = sheet.cell(row, place, cell)
                if isinstance(cell, str):
                    made.data_type = "s"
        content = io.BytesIO()
        book.save(content)
    return content.getvalue()


def _typed(frame: Any, dialect: Dialect) -> list[list[Any]]:
    """The rows of texts, with numbers as numbers where nothing stands behind them."""
    rows: list[list[Any]] = list(_rows(frame, dialect))
    first = len(rows) - len(frame)
    for place, name in enumerate(frame.columns):
        if is_numeric(frame.iloc[:, place]) and str(name) not in dialect.behind:
            for row, cell in enumerate(frame.iloc[:, place].tolist(), first):
                rows[row][place] = None if cell != cell else cell
    return rows


def _parquet(frame: Any) -> bytes:
    from mbo_propose.reading.workbook import optional

    with optional("pyarrow", "writing Parquet"):
        content = io.BytesIO()
        frame.to_parquet(content, index=False)
    return content.getvalue()
