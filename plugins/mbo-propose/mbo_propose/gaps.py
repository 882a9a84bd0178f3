"""Missing inputs: rows are dropped where few have gaps, else the gaps are filled, counted aloud."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.cells import Series, is_numeric, missing, numbers

DROPPED = 0.1
"""Up to this share of rows with gaps are left out; where there are more, the gaps are filled."""

Columns = dict[str, Series]


def filled(columns: Columns, scored: NDArray[np.bool_]) -> tuple[Columns, NDArray[np.bool_], list[str]]:
    """Inputs without gaps among the rows that are kept.

    Args:
        columns: the inputs, (n,) each.
        scored: (n,) which rows have a score.

    Returns:
        The inputs, which rows are kept (n,), and what was done.

    Raises:
        TaskError: if every row has a gap in a column without any value.
    """
    gaps = {name: missing(cells) & scored for name, cells in columns.items()}
    gaps = {name: one for name, one in gaps.items() if one.any()}
    if not gaps:
        return columns, scored, []
    open_rows = np.logical_or.reduce(list(gaps.values()))
    count, total = int(open_rows.sum()), int(scored.sum())
    listed = ", ".join(f"{name}: {int(one.sum())}" for name, one in gaps.items())
    if count <= DROPPED * total:
        note = f"{count} of {total} rows with a score lack an input ({listed}) and were left out"
        return {name: _whole(cells) for name, cells in columns.items()}, scored & ~open_rows, [note]
    made = {name: _filled(name, cells, scored) if name in gaps else cells for name, cells in columns.items()}
    note = f"{count} of {total} rows with a score lack an input ({listed}): filled in with the median or commonest"
    return made, scored, [note]


def _filled(name: str, cells: Series, scored: NDArray[np.bool_]) -> Series:
    known = cells[~missing(cells) & scored]
    if not len(known):
        raise TaskError(f'column "{name}" has no value in a row with a score', "ignore it")
    if not is_numeric(cells):
        return cells.fillna(known.mode().iloc[0])
    # A value that was measured, so that steps and whole numbers stay what they are.
    middle = known.sort_values().iloc[len(known) // 2]
    return _whole(cells.where(~missing(cells), middle))


def _whole(cells: Series) -> Series:
    """Whole numbers that pandas turned into floats because of gaps."""
    if not is_numeric(cells) or cells.dtype.kind != "f":
        return cells
    values = numbers(cells)
    finite = np.isfinite(values)
    whole = bool(finite.all()) and bool((values == np.rint(values)).all()) and np.abs(values).max() < 2**53
    return cells.astype(np.int64) if whole else cells
