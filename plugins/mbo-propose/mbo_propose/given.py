"""The table as the pipeline sees it: scored designs, designs without a score, measured columns, and their rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import RecipeError, TaskError, matching, nearest
from mbo_core.tasks.cells import Series, columns_of, missing, numbers
from mbo_core.tasks.frames import designs_in
from mbo_core.tasks.inference import infer, levels_in
from mbo_core.tasks.numbers import Number
from mbo_core.tasks.remarks import strangers
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_file import read_space
from mbo_core.tasks.task import Task
from mbo_propose.asking import questions, refuse_levels
from mbo_propose.gaps import filled
from mbo_propose.reading import Table, Target, at_limits, read, target
from mbo_propose.wishes import Limit, Wishes, parse_limits

FEWEST = 8
"""Fewer scored designs say nothing about any other."""

Columns = dict[str, Series]


@dataclass(frozen=True, eq=False)
class Given:
    """A table as it was read.

    Attributes:
        task: the scored designs, replicates merged, and their space with what is fixed.
        table: the table as it was read.
        unit: the unit of the target, or "".
        rows: (N,) the row of the table in which each design of the task stands first; the first row is 0.
        failed: (m, length) designs without a score.
        failed_rows: (m,) the rows of the table in which they stand.
        limits: limits on measured columns.
        measured: the measured values of each limited column, (N,) each, NaN where there is none.
        notes: what was decided on the way, a sentence each.
        reasons: why each column of the space is what it is, by name.
    """

    task: Task
    table: Table
    unit: str
    rows: NDArray[np.int64]
    failed: NDArray[Any]
    failed_rows: NDArray[np.int64]
    limits: tuple[Limit, ...] = ()
    measured: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
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
        source: a DataFrame, a mapping of columns, a file, or a table that was read.
        wishes: what is asked for.

    Raises:
        RecipeError: for columns that are not there.
        TaskError: for a table that cannot be used.
    """
    table = with_limits(source if isinstance(source, Table) else read(source, sheet=wishes.sheet), wishes)
    name, columns = table.name, columns_of(table.frame, f"table {table.name}")
    scored_by = target(table, wishes.target, minimize=wishes.minimize or None)
    wishes = replace(wishes, target=scored_by.name)
    notes, limits = [str(table.dialect), *table.notes, *scored_by.notes], parse_limits(wishes.limits)
    _check_columns(columns, wishes, limits)
    own = {scored_by.name, *(one.column for one in limits), *([wishes.error] if wishes.error else [])}
    inputs = {one: cells for one, cells in columns.items() if one not in {*own, *wishes.ignore}}
    notes += [f"{one}: ignored, as asked" for one in wishes.ignore]
    if not inputs:
        raise RecipeError("no column is left to be an input", "leave out an --ignore or a --limit")
    space, reasons, lines = _space(inputs, wishes)
    notes += lines
    scores = scored_by.scores
    scored = np.isfinite(scores)
    used = {one.name: inputs[one.name] for one in space.columns if one.name in inputs}
    notes += questions(space, used, scored) if wishes.space is None else []
    known = space.knowing({one: cells[~missing(cells)].tolist() for one, cells in used.items()})
    notes += strangers(space, known)
    whole, kept, said = filled(used, scored)
    notes += said
    weights = _weights(columns, wishes, kept, notes)
    _refuse_few(kept)
    task = _task(name, whole, scored_by, kept, weights, known, wishes)
    failed_rows = np.flatnonzero(~scored & ~np.logical_or.reduce([missing(one) for one in used.values()]))
    failed = designs_in(name, _rows(used, failed_rows), task.space).x if len(failed_rows) else task.x[:0]
    rows = _first_rows(task, designs_in(name, _rows(whole, np.flatnonzero(kept)), task.space).x, np.flatnonzero(kept))
    notes += [note for note in task.notes if not note.startswith("target ")]  # said already
    notes += [task.table.replicates.note] if task.table.replicates else []
    notes += ["designs without a score are not proposed again"] if len(failed) else []
    measured = {one.column: _measured(columns, one, task, name, whole, kept) for one in limits}
    return Given(task, table, scored_by.unit, rows, failed, failed_rows, limits, measured, notes, reasons)


def with_limits(table: Table, wishes: Wishes) -> Table:
    """The table with limits like `>100` in the target and in limited columns as numbers."""
    asked = {one.column: 0 for one in parse_limits(wishes.limits)}
    found = matching(wishes.target, table.limits)
    asked |= {found: -1 if wishes.minimize else 1} if found else {}
    for name, sign in asked.items():
        table = at_limits(table, name, sign)
    return table


def _check_columns(columns: Columns, wishes: Wishes, limits: tuple[Limit, ...]) -> None:
    """Refuse columns that are not there, or that have two meanings."""
    asked = [*(("limit", one.column) for one in limits)]
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
    if wishes.target in (*names, *wishes.ignore):
        raise RecipeError(f'column "{wishes.target}" is the target and something else', "leave out one of them")


def _space(inputs: Columns, wishes: Wishes) -> tuple[Space, dict[str, str], list[str]]:
    """The space, why each column is what it is, and what else was decided."""
    if isinstance(wishes.space, Space):
        return wishes.space, {}, []
    found = infer(inputs)
    ignored = [f"{name}: ignored, {reason}" for name, reason in found.ignored.items()]
    sums = [f"{one} in every row" for one in found.space.constraints]
    if wishes.space is None:
        refuse_levels(found.space, len(next(iter(inputs.values()))))
        return found.space, dict(found.reasons), [*sums, *ignored]
    said = read_space(wishes.space, found.space, levels_in(inputs))
    named = Path(wishes.space).name
    changed = {one.name: f"as {named} says" for one in said.columns if one not in found.space.columns}
    ignored = [line for line in ignored if line.partition(":")[0] not in said.names]
    return said, {**found.reasons, **changed}, [*[f"{one}, always" for one in said.constraints], *ignored]


def numbers_in(columns: Columns, name: str, what: str) -> NDArray[np.float64]:
    """The numbers of a column that is called `what` in messages, (n,), NaN where there is none.

    Raises:
        TaskError: for a column of texts.
    """
    cells = columns[name]
    if not missing(cells).all() and getattr(cells.dtype, "kind", "O") not in "iufb":
        first = next(str(cell) for cell in cells[~missing(cells)].tolist())
        raise TaskError(
            f'{what} "{name}" holds no numbers, but e.g. "{first}"', f"fix the cells, or name another --{what}"
        )
    found = numbers(cells)
    return np.where(np.isfinite(found), found, np.nan)


def _refuse_few(kept: NDArray[np.bool_]) -> None:
    count = int(kept.sum())
    if count < FEWEST:
        fact = f"{count} of {len(kept)} rows have a score and all inputs, at least {FEWEST} are needed"
        raise TaskError(fact, f"measure {FEWEST - count} more, or fill in what is missing")


def _weights(columns: Columns, wishes: Wishes, kept: NDArray[np.bool_], notes: list[str]) -> NDArray[np.float64] | None:
    """The weight of each row by its measured error: 1 / (error² + median error²), so that no row counts for all."""
    if wishes.error is None:
        return None
    error = numbers_in(columns, wishes.error, "error")[kept]
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
    scored_by: Target,
    kept: NDArray[np.bool_],
    weights: NDArray[np.float64] | None,
    space: Space,
    wishes: Wishes,
) -> Task:
    frame = {**_rows(whole, np.flatnonzero(kept)), scored_by.name: scored_by.scores[kept]}
    task = Task(name, frame, target=scored_by.name, minimize=wishes.minimize, weights=weights, space=space)
    if float(np.ptp(task.y)) == 0:
        raise TaskError(f'target "{scored_by.name}" is {task.best_in_data:g} in every row', "name another --target")
    if not space.near(task.x).any():
        listed = "; ".join(f"{one.name}: {one.bounds[0]:g} to {one.bounds[1]:g}" for one in _bounded(space))
        raise TaskError(f"no row lies in the space ({listed})", "loosen its bounds: there is nothing to start from")
    return task.held(wishes.fix) if wishes.fix else task


def _bounded(space: Space) -> list[Number]:
    return [one for one in space.columns if isinstance(one, Number)]


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
    values = numbers_in(columns, limit.column, "limit")[kept]
    there = np.isfinite(values)
    if there.sum() < FEWEST:
        raise TaskError(f'column "{limit.column}" has {int(there.sum())} values', f"a limit needs {FEWEST} of them")
    x = designs_in(name, _rows(whole, np.flatnonzero(kept)), task.space).x + 0
    found: dict[bytes, list[float]] = {}
    for design, value in zip(x[there], values[there], strict=True):
        found.setdefault(design.tobytes(), []).append(float(value))
    return np.array([np.mean(found.get(design.tobytes(), [np.nan])) for design in task.x + 0])
