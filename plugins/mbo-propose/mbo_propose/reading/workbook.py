"""Excel workbooks and Parquet files, by optional libraries."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mbo_core.errors import matching, nearest
from mbo_propose.reading.errors import TableError


def sheet_of(label: str, content: bytes, sheet: str | None) -> tuple[str, list[list[Any]], list[str]]:
    """A sheet of a workbook: its name, its records with empty texts for blank cells, and notes.

    Raises:
        TableError: for several sheets with cells of which none is named, or an unknown or empty one.
    """
    with optional("openpyxl", f"Excel workbook {label}"):
        from openpyxl import load_workbook

        book = load_workbook(io.BytesIO(content), data_only=True)
        formulas = load_workbook(io.BytesIO(content))
    found = {one.title: _records(one) for one in book.worksheets}
    filled = [title for title, records in found.items() if records]
    title = _chosen(label, sheet, list(found), filled)
    empty = [one for one in found if one not in filled]
    notes = [f"empty sheets left out: {', '.join(empty)}"] if empty and sheet is None else []
    return title, found[title], notes + _uncomputed(book[title], formulas[title])


def parquet_of(label: str, content: bytes) -> Any:
    """The frame in a Parquet file.

    Raises:
        TableError: for a file that cannot be read, or if pyarrow is missing.
    """
    with optional("pyarrow", f"Parquet file {label}"):
        import pandas
        import pyarrow  # noqa: F401 - pandas' own message does not say how to install it here

        return pandas.read_parquet(io.BytesIO(content)).reset_index(drop=True)


@contextmanager
def optional(library: str, what: str) -> Iterator[None]:
    """Turn a library that is missing, or that fails, into an error that people can act on."""
    try:
        yield
    except TableError:
        raise
    except ImportError as error:
        fact = f"{what} needs {library}, which is not installed"
        raise TableError(fact, 'pip install "mbo-propose[files]", or save the table as CSV') from error
    except Exception as error:  # these libraries raise whatever a corrupt file makes them
        reason = " ".join(str(error).split()) or type(error).__name__
        raise TableError(f"{what} cannot be read: {reason}", "save it again, or as CSV") from error


def _chosen(label: str, sheet: str | None, titles: list[str], filled: list[str]) -> str:
    if sheet is not None:
        known = matching(sheet, titles)
        if known is None:
            raise TableError(f'unknown sheet "{sheet}" in the workbook {label}', nearest(sheet, titles))
        if known not in filled:
            raise TableError(f'sheet "{known}" of the workbook {label} is empty', f"with cells: {', '.join(filled)}")
        return known
    if not filled:
        raise TableError(f"workbook {label} is empty", "give a line of column names and one row per experiment")
    if len(filled) > 1:
        raise TableError(f"workbook {label} has {len(filled)} sheets", f"name one by --sheet: {', '.join(filled)}")
    return filled[0]


def _records(sheet: Any) -> list[list[Any]]:
    """The records of a sheet, blank columns at its right end left out; none if it has no cell."""
    rows = [[_cell(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    width = max((place + 1 for row in rows for place, cell in enumerate(row) if cell != ""), default=0)
    return [row[:width] for row in rows] if width else []


def _cell(cell: Any) -> Any:
    if cell is None:
        return ""
    return cell.strip() if isinstance(cell, str) else cell


def _uncomputed(values: Any, formulas: Any) -> list[str]:
    """A note for formulas without a value: the workbook was never opened in a spreadsheet since they were written."""
    places = [
        cell.coordinate
        for row in formulas.iter_rows()
        for cell in row
        if cell.data_type == "f" and values[cell.coordinate].value is None
    ]
    if not places:
        return []
    return [f"{len(places)} formulas have no value ({places[0]}): open the workbook in a spreadsheet and save it"]
