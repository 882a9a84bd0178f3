"""The table as the pipeline sees it: scored designs, designs without a score, measured columns, and their rows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import RecipeError, TaskError, nearest
from mbo_core.tasks.cells import Series, columns_of, is_frame, missing, numbers
from mbo_core.tasks.frames import designs_in
from mbo_core.tasks.inference import infer, levels_in
from mbo_core.tasks.remarks import strangers
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_file import read_space
from mbo_core.tasks.task import Task
from mbo_propose.gaps import filled
from mbo_propose.wishes import Limit, Wishes, parse_limits

FEWEST = 8
"""Fewer scored designs say nothing about any other."""

Columns = dict[str, Series]


@dataclass(frozen=True, eq=False)
class Given:
    """A table as it was read.

    Attributes:
        task: the scored designs, replicates merged, and their space with what is fixed.
        rows: (N,) the row of the table in which each design of the task stands first; the first row is 0.
        failed: (m, length) designs without a score.
        failed_rows: (m,) the rows of the table in which they stand.
        limits: limits on measured columns.
        measured: the measured values of each limited column, (N,) each, NaN where there is none.
        notes: what was decided on the way, a sentence each.
        table: the table as it was read, to write others in the same dialect; None for a frame.
        reasons: why each column of the space is what it is, by name.
    """

    task: Task
    rows: NDArray[np.int64]
    failed: NDArray[Any]
    failed_rows: NDArray[np.int64]
    limits: tuple[Limit, ...] = ()
    measured: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    table: Any = None
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def tried(self) -> NDArray[Any]:
        """(N + m, length) every design that was tried, those with a score first."""
        return np.concatenate([self.task.x, self.failed]) if len(self.failed) else self.task.x

    @property
    def tried_rows(self) -> NDArray[np.int64]:
        """(N + m,) their rows in the table."""
        return np.concatenate([self.rows, self.failed_rows])


def open_table(source: Any, wishes: Wishes) -> Given:
    """The table in a file or a frame.

    Args:
        source: a DataFrame, a mapping of columns, or a file.
        wishes: what is asked for.

    Raises:
        RecipeError: for columns that are not there.
        TaskError: for a table that cannot be used.
    """
    name, columns, table, notes = _columns(source, wishes)
    limits = parse_limits(wishes.limits)
    _check_columns(columns, wishes, limits)
    own = {wishes.target, *(one.column for one in limits), *([wishes.error] if wishes.error else [])}
    inputs = {one: cells for one, cells in columns.items() if one not in {*own, *wishes.ignore}}
    notes += [f"{one}: ignored, as asked" for one in wishes.ignore]
    space, reasons, lines = _space(inputs, wishes)
    notes += lines
    scores = _numbers(columns, wishes.target, "target")
    scored = np.isfinite(scores)
    _refuse_few(wishes.target, scored, len(scores))
    used = {one.name: inputs[one.name] for one in space.columns if one.name in inputs}
    known = space.knowing({one: cells[~missing(cells)].tolist() for one, cells in used.items()})
    notes += strangers(space, known)
    whole, kept, said = filled(used, scored)
    notes += said
    weights = _weights(columns, wishes, kept, notes)
    task = _task(name, whole, scores, kept, weights, known, wishes)
    _refuse_few(wishes.target, kept, len(scores))
    failed_rows = np.flatnonzero(~scored & ~np.logical_or.reduce([missing(one) for one in used.values()]))
    failed = designs_in(name, _rows(used, failed_rows), task.space).x if len(failed_rows) else task.x[:0]
    rows = _first_rows(task, designs_in(name, _rows(whole, np.flatnonzero(kept)), task.space).x, np.flatnonzero(kept))
    notes += [*task.notes, *_failed_note(wishes.target, scored)]
    measured = {one.column: _measured(columns, one, task, name, whole, kept) for one in limits}
    return Given(task, rows, failed, failed_rows, limits, measured, notes, table, reasons)


def _columns(source: Any, wishes: Wishes) -> tuple[str, Columns, Any, list[str]]:
    if is_frame(source):
        return "table", columns_of(source), None, []
    if not isinstance(source, (str, os.PathLike)):
        raise TaskError(f"table has the unsupported type {type(source).__name__}", "give a file or a DataFrame")
    from mbo_propose.source import read

    table = read(source, sheet=wishes.sheet)
    name = "table" if str(source) == "-" else Path(source).stem
    return name, columns_of(table.frame, f"table {source}"), table, [table.dialect, *table.notes]


def _check_columns(columns: Columns, wishes: Wishes, limits: tuple[Limit, ...]) -> None:
    """Refuse columns that are not there, or that have two meanings."""
    asked = [("target", wishes.target), *(("limit", one.column) for one in limits)]
    asked += [("error", wishes.error)] if wishes.error else []
    for what, name in [*asked, *(("ignore", one) for one in wishes.ignore)]:
        if name not in columns:
            near, listed = nearest(name, columns), f"columns: {', '.join(columns)}"
            hint = f"{near} {listed}" if near.startswith("did you mean") else listed
            raise RecipeError(f'unknown column "{name}" for --{what}', hint)
    names = [name for _, name in asked]
    twice = [name for place, name in enumerate(names) if name in names[:place] or name in wishes.ignore]
    if twice:
        raise RecipeError(f'column "{twice[0]}" is given two meanings', "leave out one of them")
    if len(columns) < 2:
        raise TaskError(f"table has only one column: {', '.join(columns)}", "give inputs beside the score")


def _space(inputs: Columns, wishes: Wishes) -> tuple[Space, dict[str, str], list[str]]:
    """The space, why each column is what it is, and what else was decided."""
    if isinstance(wishes.space, Space):
        return wishes.space, {}, []
    found = infer(inputs)
    ignored = [f"{name}: ignored, {reason}" for name, reason in found.ignored.items()]
    sums = [f"{one} in every row" for one in found.space.constraints]
    if wishes.space is None:
        return found.space, dict(found.reasons), [*sums, *ignored]
    said = read_space(wishes.space, found.space, levels_in(inputs))
    named = Path(wishes.space).name
    changed = {one.name: f"as {named} says" for one in said.columns if one not in found.space.columns}
    ignored = [line for line in ignored if line.partition(":")[0] not in said.names]
    return said, {**found.reasons, **changed}, [*[f"{one}, always" for one in said.constraints], *ignored]


def _numbers(columns: Columns, name: str, what: str) -> NDArray[np.float64]:
    cells = columns[name]
    if not missing(cells).all() and getattr(cells.dtype, "kind", "O") not in "iufb":
        first = next(str(cell) for cell in cells[~missing(cells)].tolist())
        raise TaskError(f'{what} "{name}" holds no numbers, but e.g. "{first}"', f"name another --{what}")
    found = numbers(cells)
    return np.where(np.isfinite(found), found, np.nan)


def _refuse_few(target: str, scored: NDArray[np.bool_], rows: int) -> None:
    count = int(scored.sum())
    if not count:
        raise TaskError(f'no row has a finite score in the column "{target}"', "name another --target")
    if count < FEWEST:
        fact = f"{count} of {rows} rows can be used, at least {FEWEST} are needed"
        raise TaskError(fact, f"measure {FEWEST - count} more, or fill in what is missing")


def _weights(columns: Columns, wishes: Wishes, kept: NDArray[np.bool_], notes: list[str]) -> NDArray[np.float64] | None:
    """The weight of each row by its measured error: 1 / (error² + median error²), so that no row counts for all."""
    if wishes.error is None:
        return None
    error = _numbers(columns, wishes.error, "error")[kept]
    unknown = ~np.isfinite(error) | (error < 0)
    if unknown.all():
        raise TaskError(f'error "{wishes.error}" has no standard deviation', "leave --error out")
    typical = float(np.median(error[~unknown]))
    error = np.where(unknown, typical, error)
    notes.append(
        f"{wishes.error}: standard deviations of the scores, median {typical:.3g}; rows weigh 1 / (error² + median²)"
        + (f"; {int(unknown.sum())} unknown ones count as the median" if unknown.any() else "")
    )
    weights = 1 / np.maximum(error**2 + typical**2, 1e-300)
    return np.asarray(weights / weights.mean()) if typical > 0 else None


def _task(
    name: str,
    whole: Columns,
    scores: NDArray[np.float64],
    kept: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    space: Space,
    wishes: Wishes,
) -> Task:
    frame = {**_rows(whole, np.flatnonzero(kept)), wishes.target: scores[kept]}
    task = Task(name, frame, target=wishes.target, minimize=wishes.minimize, weights=weights, space=space)
    if float(np.ptp(task.y)) == 0:
        raise TaskError(f'target "{wishes.target}" is {task.best_in_data:g} in every row', "name another --target")
    return task.held(wishes.fix) if wishes.fix else task


def _rows(columns: Columns, rows: NDArray[np.int64]) -> Columns:
    return {name: cells.iloc[rows].reset_index(drop=True) for name, cells in columns.items()}


def _first_rows(task: Task, x: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row of the table in which each design of a task stands first."""
    first: dict[bytes, int] = {}
    for row, design in zip(rows, x + 0, strict=True):
        first.setdefault(design.tobytes(), int(row))
    return np.array([first[design.tobytes()] for design in task.x + 0], dtype=np.int64)


def _measured(
    columns: Columns, limit: Limit, task: Task, name: str, whole: Columns, kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The mean of a measured column for each design of the task, NaN where it was not measured."""
    values = _numbers(columns, limit.column, "limit")[kept]
    there = np.isfinite(values)
    if there.sum() < FEWEST:
        raise TaskError(f'column "{limit.column}" has {int(there.sum())} values', f"a limit needs {FEWEST} of them")
    x = designs_in(name, _rows(whole, np.flatnonzero(kept)), task.space).x + 0
    found: dict[bytes, list[float]] = {}
    for design, value in zip(x[there], values[there], strict=True):
        found.setdefault(design.tobytes(), []).append(float(value))
    return np.array([np.mean(found.get(design.tobytes(), [np.nan])) for design in task.x + 0])


def _failed_note(target: str, scored: NDArray[np.bool_]) -> list[str]:
    count = int((~scored).sum())
    return [f"{count} of {len(scored)} rows have no {target}; their designs are not proposed again"] if count else []
