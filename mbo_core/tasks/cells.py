"""Columns of cells from what people bring: frames, mappings, series."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError

Series: TypeAlias = Any
"""A pandas Series; pandas has no types that mypy accepts."""


def is_pandas(value: Any, kind: str) -> bool:
    """Whether a value is a pandas `DataFrame`, `Series` or `Index`, without importing pandas.

    >>> is_pandas([1, 2], "Series")
    False
    """
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, kind))


def is_frame(value: Any) -> bool:
    """Whether a value is a table with named columns."""
    return isinstance(value, Mapping) or is_pandas(value, "DataFrame")


def columns_of(frame: Any, what: str = "table") -> dict[str, Series]:
    """The columns of a DataFrame, or of a mapping of columns, by their names as text.

    Raises:
        TaskError: for no row or column, two columns of one name, several rows of names, or columns of several lengths.
    """
    # pandas takes a third of a second to import.
    import pandas

    try:
        table = frame if is_pandas(frame, "DataFrame") else pandas.DataFrame(dict(frame))
    except ValueError as error:
        raise TaskError(
            f"{what} has columns that do not fit together: {error}", "give columns of one length"
        ) from error
    if table.columns.nlevels > 1:
        raise TaskError(f"{what} has {table.columns.nlevels} rows of column names", "give each column one name")
    names = [str(name) for name in table.columns]
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise TaskError(f'duplicate column "{twice[0]}" in the {what}', "rename or leave out one of them")
    if not len(table) or not names:
        raise TaskError(f"{what} has {len(table)} rows and {len(names)} columns", "give one design per row")
    return {name: table.iloc[:, place] for place, name in enumerate(names)}


def missing(cells: Series) -> NDArray[np.bool_]:
    """Which cells of a series are empty, or numbers that are not finite, (n,)."""
    if is_numeric(cells):
        return np.asarray(~np.isfinite(_floats(cells)))
    return np.asarray(cells.isna(), dtype=bool)


def numbers(cells: Series) -> NDArray[np.float64]:
    """A numeric series as floats, NaN where a cell is empty; 0.1 in float32 is 0.1."""
    found = _floats(cells)
    wide = found.astype(np.float64, copy=False)
    if found.dtype.itemsize == 8:
        return wide
    digits = np.finfo(found.dtype).precision
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(wide))))
        short = np.rint(wide * scale) / scale
        return np.where(short.astype(found.dtype) == found, short, wide)


def _floats(cells: Series) -> NDArray[Any]:
    kind = cells.dtype.name.lower() if cells.dtype.kind == "f" else "float64"
    return np.asarray(cells.to_numpy(dtype=kind, na_value=np.nan))


def is_numeric(cells: Series) -> bool:
    """Whether a series holds real numbers by its type; truth values are none."""
    kind = getattr(cells.dtype, "kind", "O")
    return kind in "iuf" and cells.dtype.name != "category"


def refuse_missing(name: str, column: str, cells: Series) -> None:
    """Refuse a column with an empty cell.

    Raises:
        TaskError: with the first row.
    """
    rows = np.flatnonzero(missing(cells))
    if len(rows):
        value = "empty" if cells.isna().iloc[rows[0]] else str(cells.iloc[rows[0]])
        fact = f'{name}: cell in row {rows[0]} of column "{column}" is {value} ({len(rows)} such cells)'
        raise TaskError(fact, "fill them in, or leave these rows or the column out")
