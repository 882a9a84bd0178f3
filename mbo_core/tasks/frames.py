"""From what a person brings to raw designs, scores and weights: the door of a task."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError, nearest
from mbo_core.tasks.amounts import EXACT
from mbo_core.tasks.arrays import Designs, from_array
from mbo_core.tasks.cells import Series, columns_of, is_frame, is_numeric, is_pandas, numbers, refuse_missing
from mbo_core.tasks.columns import Column, Sequence
from mbo_core.tasks.inference import column_of, infer, levels_in
from mbo_core.tasks.numbers import Number, Real, Whole
from mbo_core.tasks.remarks import strangers
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_file import read_space
from mbo_core.tasks.vectors import aligned, vector

GivenSpace = Space | str | os.PathLike[str] | None
"""A space, a file with one, or None for the one that the table proposes."""


class Brought(NamedTuple):
    """What a table and a task are made of.

    Attributes:
        x: (N, length) raw designs.
        y: (N,) scores, as people have them.
        weights: (N,) weights of the rows.
        space: the space of the designs.
        target: what people call the scores.
        notes: what was decided on the way, a line each.
    """

    x: NDArray[Any]
    y: NDArray[np.float64]
    weights: NDArray[np.float64]
    space: Space
    target: str
    notes: list[str]


def take(name: str, x: Any, y: Any, target: str | None, weights: Any, space: GivenSpace) -> Brought:
    """Designs, scores and weights from what a person has; see `Task`.

    Raises:
        TaskError: for what is missing, misshapen, unreadable or ambiguous.
    """
    columns = columns_of(x) if is_frame(x) else None
    inputs = dict(columns or {})
    y, label = _scores(name, inputs if columns else None, y, target)
    if isinstance(weights, str):
        weights = _taken(name, inputs, weights, "weights") if columns else _no_columns(name, "weights", weights)
    if columns is None:
        designs = _from_array(name, x, space, _of_data)
    elif target is None:
        designs = _as_they_are(name, inputs, space)
    else:
        designs = _inferred(name, inputs, space)
    notes = list(designs.notes)
    index = x.index if is_pandas(x, "DataFrame") else None
    rows = len(designs.x)
    scores = vector(name, label, "score", aligned(name, "y", y, index, notes), rows)
    if weights is None:
        weighed = np.ones(rows)
    else:
        weighed = vector(name, "weights", "weight", aligned(name, "weights", weights, index, notes), rows)
    called = target or (str(y.name) if is_pandas(y, "Series") and y.name is not None else "score")
    return Brought(_on_grid(designs.x, designs.space), scores, weighed, designs.space, called, notes)


def designs_in(name: str, x: Any, space: Space) -> Designs:
    """Designs in a space that is known: those of a table, an array, or a list of sequences.

    Raises:
        TaskError: for a column that is missing, or cells that it cannot mean.
    """
    found = _in_space(name, columns_of(x, name), space) if is_frame(x) else _from_array(name, x, space, _in_space)
    return found._replace(x=_on_grid(found.x, space))


def _on_grid(x: NDArray[Any], space: Space) -> NDArray[Any]:
    """The same designs, but for rounding: a number on a grid is the grid's own, so that equal designs are equal."""
    if space.plain or space.kind == "discrete":
        return x
    parts = [
        np.where(column.holds(part)[:, None], column.nearest(part), part) if isinstance(column, Number) else part
        for column, part in space.parts(x)
    ]
    return np.hstack(parts)


def _scores(name: str, columns: dict[str, Series] | None, y: Any, target: str | None) -> tuple[Any, str]:
    """The scores and what messages call them; the target is taken out of the columns."""
    if isinstance(y, str):
        raise TaskError(f'{name}: y is the text "{y}"', f'write target="{y}" for a column of the table')
    if target is None:
        if y is None:
            listed = f", one of: {', '.join(columns)}" if columns else ""
            raise TaskError(f"{name}: scores are missing", f'give y, or target="COLUMN"{listed}')
        _refuse_among(name, columns or {}, y)
        return y, "y"
    if not isinstance(target, str):
        raise TaskError(f"{name}: the target is {target!r}", "name one column; a run has one target")
    if y is not None:
        raise TaskError(f'{name}: both y and the target "{target}" are given', "give one of them")
    if columns is None:
        _no_columns(name, "target", target)
    return _taken(name, columns or {}, target, "target"), f'column "{target}"'


def _refuse_among(name: str, columns: dict[str, Series], y: Any) -> None:
    """Refuse scores that are also a column of the designs."""
    if is_pandas(y, "Series") and str(y.name) in columns and columns[str(y.name)].equals(y):
        fact = f'{name}: column "{y.name}" is in x and is y'
        raise TaskError(fact, f'write target="{y.name}", or leave the column out of x')


def _no_columns(name: str, label: str, column: str) -> Any:
    raise TaskError(f'{name}: {label} is the column "{column}", and x has no named columns', "give a DataFrame")


def _taken(name: str, columns: dict[str, Series], column: str, label: str) -> Series:
    if column not in columns:
        raise TaskError(f'{name}: unknown column "{column}" for the {label}', nearest(column, columns))
    return columns.pop(column)


def _from_array(
    name: str, x: Any, space: GivenSpace, of: Callable[[str, dict[str, Series], Space], Designs]
) -> Designs:
    """The designs in an array; `of` reads them from columns in a space that is given."""
    given = read_space(space) if isinstance(space, (str, os.PathLike)) else space
    found = from_array(name, x, given)
    if isinstance(found, Designs):
        return found
    columns = columns_of(found)
    return _as_they_are(name, columns, None) if given is None else of(name, columns, given)


def _inferred(name: str, columns: dict[str, Series], space: GivenSpace) -> Designs:
    """The designs of a person's table, in a space that is given, or that the table proposes."""
    if isinstance(space, Space):
        return _of_data(name, columns, space)
    found = infer(columns)
    if space is None:
        return _in_space(name, columns, found.space, found.lines)
    said = read_space(space, found.space, levels_in(columns))
    changed = [one.name for one in said.columns if one not in found.space.columns]
    lines = [line for line in found.lines if line.partition(":")[0] not in changed]
    lines += [f"{one}: as {Path(space).name} says" for one in changed]
    return _of_data(name, columns, said, lines)


def _as_they_are(name: str, columns: dict[str, Series], space: GivenSpace) -> Designs:
    """The designs in columns that a person chose: real numbers without bounds, all others as they propose."""
    if isinstance(space, Space):
        return _of_data(name, columns, space)
    found = [_column(name, column, cells) for column, cells in columns.items()]
    proposed = Space(tuple(column for column, _ in found))
    lines = [f"{column.name}: {reason}" for column, reason in found if reason]
    return _of_data(
        name, columns, proposed if space is None else read_space(space, proposed, levels_in(columns)), lines
    )


def _column(name: str, column: str, cells: Series) -> tuple[Column, str]:
    refuse_missing(name, column, cells)
    if not is_numeric(cells):
        proposed, reason = column_of(column, cells)
        if proposed is None:
            raise TaskError(f'{name}: column "{column}" cannot be searched: {reason}', "leave it out")
        return proposed, reason
    if cells.dtype.kind == "f":
        return Real(column), ""
    values = _exact(name, column, cells)
    bounds = (float(values.min()), float(values.max()))
    return Whole(column, bounds), f"whole amounts from {bounds[0]:.0f} to {bounds[1]:.0f}"


def _of_data(name: str, columns: dict[str, Series], space: Space, notes: list[str] | None = None) -> Designs:
    """The designs that columns of the data hold in a space, with levels and letters that are not in it."""
    known = space.knowing({one.name: _cells(name, one, columns) for one in space.columns if not Space.number(one)})
    found = _in_space(name, columns, known, notes)
    return found._replace(notes=[*found.notes, *strangers(space, known)])


def _in_space(name: str, columns: dict[str, Series], space: Space, notes: list[str] | None = None) -> Designs:
    """The designs that columns hold in a space."""
    cells = {column.name: _cells(name, column, columns) for column in space.columns}
    unused = [one for one in columns if one not in cells and not _is_token(one, space)]
    said = list(notes or ()) + (
        [f"not in the space, and ignored: {', '.join(unused)}"] if notes is None and unused else []
    )
    try:
        return Designs(space.read(cells), space, said)
    except TaskError as error:
        raise TaskError(f"{name}: {error.message}", error.hint) from error


def _cells(name: str, column: Column, columns: dict[str, Series]) -> Any:
    """The cells of a column; tokens without letters may stand in a column each."""
    places = [f"{column.name}{place}" for place in range(column.width)]
    apart = isinstance(column, Sequence) and column.name not in columns and set(places) <= set(columns)
    if not apart and column.name not in columns:
        raise TaskError(
            f'{name}: column "{column.name}" of the space is not in the table', nearest(column.name, columns)
        )
    for one in places if apart else [column.name]:
        refuse_missing(name, one, columns[one])
    if apart:
        return list(zip(*(columns[one] for one in places), strict=True))
    cells = columns[column.name]
    return _exact(name, column.name, cells) if is_numeric(cells) and Space.number(column) else cells.tolist()


def _exact(name: str, column: str, cells: Series) -> NDArray[np.float64]:
    """The numbers of a series, which float64 must hold exactly if they are whole."""
    values = numbers(cells)
    if cells.dtype.kind in "iu" and np.abs(values).max() > EXACT:
        fact = f'{name}: column "{column}" has whole numbers above 2**53, which float64 cannot tell apart'
        raise TaskError(fact, "subtract an offset, change the unit, or make it text")
    return values


def _is_token(name: str, space: Space) -> bool:
    return any(
        isinstance(column, Sequence) and name in {f"{column.name}{place}" for place in range(column.width)}
        for column in space.columns
    )
