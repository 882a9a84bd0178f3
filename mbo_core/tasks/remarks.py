"""What a task tells people about its data before any work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import nearest
from mbo_core.tasks.amounts import words_of
from mbo_core.tasks.columns import Category, Column, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import TOLERANCE
from mbo_core.tasks.space import Space
from mbo_core.tasks.table import Table

_NAMES = "impurity impurities loss losses cost costs price error errors rmse mse mae degradation waste defect defects"
SMALLER_IS_BETTER = frozenset(f"{_NAMES} residual regret toxicity byproduct byproducts scrap".split())
"""Words in the name of a target that people seldom maximise."""

SHOWN = 6
"""The most cells of a design, or levels of a column, that a note shows."""


def turn(scores: NDArray[np.float64], sign: int) -> NDArray[np.float64]:
    """Scores, or their negatives; no negative zero."""
    return scores if sign > 0 else np.asarray(0.0 - scores)


def remarks(table: Table, target: str, sign: int, inside: NDArray[np.bool_]) -> list[str]:
    """A line for a target that looks like one to minimise, and one for rows outside the space."""
    lines = []
    if sign > 0 and SMALLER_IS_BETTER & set(words_of(target)):
        lines.append(f'target "{target}" is maximised: is a smaller one better? Then say minimize=True')
    if not inside.all():
        lines.append(_outside(table, target, sign, inside))
    return lines


def _outside(table: Table, target: str, sign: int, inside: NDArray[np.bool_]) -> str:
    """How many rows lie outside the space and why, and the best design inside."""
    rows = np.ones(len(table.x), dtype=np.int64) if table.replicates is None else table.replicates.counts
    parts = table.space.parts(table.x)
    counts = {column.name: int(rows[~column.holds(part)].sum()) for column, part in parts}
    counts |= {
        str(one): int(rows @ broken) for one, broken in zip(table.space.constraints, _broken(table).T, strict=True)
    }
    why = ", ".join(f"{name}: {count}" for name, count in counts.items() if count)
    best = "no row lies inside"
    if inside.any():
        row = int(np.where(inside, table.y, -np.inf).argmax())
        best = f"the best row inside has {target} = {sign * table.y[row]:.6g} ({_spelt(table, row)})"
    outside = f"{int(rows[~inside].sum())} of {int(rows.sum())} rows lie outside the space ({why})"
    return f"{outside}; they are trained on and never proposed; {best}"


def _spelt(table: Table, row: int) -> str:
    """The first cells of a design."""
    cells = table.space.cells(table.x[row])
    shown = [f"{name} {cell:.6g}" if isinstance(cell, float) else f"{name} {cell}" for name, cell in cells.items()]
    return ", ".join(shown[:SHOWN]) + (", ..." if len(shown) > SHOWN else "")


def _broken(table: Table) -> NDArray[np.bool_]:
    """Which rows break which constraint, (N, constraints)."""
    room = TOLERANCE * np.maximum(1.0, np.abs(table.x) @ np.abs(table.space.weights).T)
    return np.asarray(np.abs(table.space.lacking(table.x)) > room)


def strangers(space: Space, known: Space) -> list[str]:
    """A line for each column of which the data have levels or letters that are not in the space.

    Args:
        space: the space as it was given.
        known: the same, whose columns know what only the data have.
    """
    pairs = zip(space.columns, known.columns, strict=True)
    return [_stranger(_outsiders(before), after) for before, after in pairs if after != before]


def _stranger(before: tuple[str, ...], column: Column) -> str:
    inner = column.of if isinstance(column, Fixed) else column
    what, inside = ("levels", inner.levels) if isinstance(inner, Category) else ("letters", _letters(inner))
    found = [one for one in _outsiders(column) if one not in before]
    near = nearest(found[0], inside)
    hint = f" ({near})" if near.startswith("did you mean") else ""
    shown = ", ".join(f'"{one}"' for one in found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
    return f"{column.name}: the data have {shown}, not among the {what} of the space{hint}"


def _outsiders(column: Column) -> tuple[str, ...]:
    inner = column.of if isinstance(column, Fixed) else column
    return inner.outside if isinstance(inner, (Category, Sequence)) else ()


def _letters(column: Column) -> tuple[str, ...]:
    return (column.alphabet or ()) if isinstance(column, Sequence) else ()
