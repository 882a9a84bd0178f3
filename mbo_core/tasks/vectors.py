"""Scores and weights: one number for each design, in the order of the designs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.cells import Series, is_numeric, is_pandas, numbers

Vector = NDArray[np.float64]


def array_of(name: str, what: str, values: Any) -> NDArray[Any]:
    """An array of what people give.

    Raises:
        TaskError: for masked values, which an array would take at their face value, or rows of several lengths.
    """
    if np.ma.is_masked(values):
        rows = np.argwhere(np.ma.getmaskarray(np.ma.asarray(values)))
        fact = f"{name}: {what} has {len(rows)} masked values, the first in row {rows[0][0]}"
        raise TaskError(fact, "fill them in, or leave these rows out")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise TaskError(f"{name}: {what} is not a table of numbers: {error}", "give rows of equal length") from error


def vector(name: str, label: str, what: str, values: Any, rows: int) -> Vector:
    """One finite number for each of the rows.

    Args:
        name: how messages call the task.
        label: the argument or the column, e.g. `y`.
        what: what each is, e.g. `score`.
        values: an array, list or series.
        rows: their number.

    Raises:
        TaskError: for another number of values, or one that is no finite number.
    """
    if is_pandas(values, "Series"):
        values = _series(name, label, what, values)
    found = array_of(name, label, values)
    if found.dtype.kind not in "iuf":
        raise TaskError(f"{name}: {label} has dtype {found.dtype}", f"give one real {what} per design")
    if found.shape not in {(rows,), (rows, 1)}:
        raise TaskError(f"{name}: {label} has shape {found.shape} for {rows} designs", f"give one {what} per design")
    found = found.reshape(rows).astype(np.float64)
    refuse_infinite(name, what, found)
    return found


def _series(name: str, label: str, what: str, values: Series) -> Any:
    """The numbers of a series, NaN where one is missing."""
    if is_numeric(values):
        return numbers(values)
    if getattr(values.dtype, "kind", "O") == "b":
        raise TaskError(f"{name}: {label} has dtype {values.dtype}", f"give one real {what} per design")
    for row, cell in enumerate(values):
        if not isinstance(cell, (int, float, np.number)) and not _empty(cell):
            fact = f'{name}: {what} "{cell}" in row {row} of {label} is not a number'
            raise TaskError(fact, "give numbers only, and leave out rows without one")
    return [math.nan if _empty(cell) else float(cell) for cell in values]


def _empty(cell: Any) -> bool:
    # pandas' NA is no number and differs from itself without saying so.
    return cell is None or type(cell).__name__ in ("NAType", "NaTType")


def refuse_infinite(name: str, what: str, values: NDArray[Any]) -> None:
    """Refuse values that are not finite.

    Raises:
        TaskError: with the first row.
    """
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row = int(bad[0][0])
        fact = f"{name}: {what} {row} is {values[tuple(bad[0])]} ({len(bad)} such values)"
        raise TaskError(fact, "remove rows without a finite value")


def aligned(name: str, label: str, values: Any, index: Any, notes: list[str]) -> Any:
    """The values in the order of the designs' index, where both have one.

    Args:
        name: how messages call the task.
        label: the argument.
        values: an array, list, series or frame of one column.
        index: the index of the designs; None if they have none.
        notes: gets a line if the order was another.

    Raises:
        TaskError: for an index with other, missing or duplicate rows.
    """
    if is_pandas(values, "DataFrame") and values.shape[1] == 1:
        values = values.iloc[:, 0]
    if index is None or not is_pandas(values, "Series") or values.index.equals(index):
        return values
    if not (index.is_unique and len(values) == len(index) and set(values.index) == set(index)):
        fact = f"{name}: the index of {label} has other rows than that of x"
        raise TaskError(fact, f"give {label}.to_numpy() if both have the same order of rows")
    notes.append(f"{label} has the rows of x in another order; they were put together by their index")
    return values.reindex(index)
