"""What a task tells people about its data before any work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.amounts import words_of
from mbo_core.tasks.table import Table

_NAMES = "impurity impurities loss losses cost costs price error errors rmse mse mae degradation waste defect defects"
SMALLER_IS_BETTER = frozenset(f"{_NAMES} residual regret toxicity byproduct byproducts scrap".split())
"""Words in the name of a target that people seldom maximise."""


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
    """How many rows lie outside the space and why, and the best one inside."""
    parts = table.space.parts(table.x)
    counts = {column.name: int((~column.holds(part)).sum()) for column, part in parts}
    counts |= {str(one): int(count) for one, count in zip(table.space.constraints, _broken(table), strict=True)}
    why = ", ".join(f"{name}: {count}" for name, count in counts.items() if count)
    best = "no row lies inside"
    if inside.any():
        row = int(np.where(inside, table.y, -np.inf).argmax())
        best = f"the best row inside is {row} ({target} = {sign * table.y[row]:.6g})"
    rows = f"{int((~inside).sum())} of {len(inside)} rows lie outside the space ({why})"
    return f"{rows}; they are trained on and never proposed; {best}"


def _broken(table: Table) -> NDArray[np.int64]:
    """How many rows break each constraint, (constraints,)."""
    room = 1e-9 * np.maximum(1.0, np.abs(table.x) @ np.abs(table.space.weights).T)
    return np.asarray((np.abs(table.space.lacking(table.x)) > room).sum(0))
