"""Columns that add to the same number in every row, found in the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.amounts import Amounts
from mbo_core.tasks.constraints import Linear

Values = NDArray[np.float64]

SAMPLE = 2000
"""Rows in which sums are looked for; those found must hold in all."""
MOST = 12
"""Of more columns that depend on each other only the sum of all is tried."""
CHANCES = {1.0: 1e-3, 100.0: 1e-3}
"""How probable a sum may be among random numbers on the same grids, by its value: fractions and percents are common."""
RARE = 1e-6
"""How probable any other sum may be."""


def sums(columns: Mapping[str, Amounts]) -> list[Linear]:
    """The sums that hold in every row, to the rounding of their decimals.

    Args:
        columns: the numbers of each column, the same rows of all.

    With each column in units of its last decimal, a sum is a direction in which the centred table does not vary. The
    projector on all these directions is a block matrix with a block for each set of columns that depend on each other;
    in each block the smallest sets are tried.
    """
    varied = {name: one for name, one in columns.items() if np.ptp(one.values) > 0}
    if len(varied) < 2:
        return []
    names = list(varied)
    table = np.column_stack([one.values for one in varied.values()])
    units = np.array([_unit(one) for one in varied.values()])
    exact = [found for block in _blocks(table, units, 1e-4) for found in _within(block, table, units, 0.0)]
    left = [place for place in range(len(names)) if not any(place in found for found in exact)]
    rounded = [
        tuple(left[place] for place in found)
        for block in _blocks(table[:, left], units[left], 0.5)
        for found in _within(block, table[:, left], units[left], 0.5)
    ]
    return [
        _linear([names[place] for place in found], table[:, found], units[list(found)]) for found in exact + rounded
    ]


def _blocks(table: Values, units: Values, noise: float) -> list[list[int]]:
    """The sets of columns that depend on each other, but for some noise in units of their last decimals."""
    if table.shape[1] < 2:
        return []
    rows = table[:: math.ceil(len(table) / SAMPLE)] / units
    centred = rows - rows.mean(0)
    padded = np.vstack([centred, np.zeros((max(0, table.shape[1] - len(centred)), table.shape[1]))])
    _, sizes, directions = np.linalg.svd(padded, full_matrices=False)
    still = directions[sizes <= noise * math.sqrt(len(rows))]
    projector = still.T @ still
    size = np.sqrt(np.diag(projector).clip(1e-10))
    return _components(np.abs(projector) > 1e-4 * size * size[:, None])


def _unit(column: Amounts) -> float:
    """The unit of the last decimal, or what float64 can resolve of the column."""
    return max(column.resolution, 1e-9 * float(column.values.std()), 1e-11 * float(np.abs(column.values).max()))


def _components(linked: NDArray[np.bool_]) -> list[list[int]]:
    """The connected sets of a symmetric relation, those of one left out."""
    reach = linked | np.eye(len(linked), dtype=bool)
    for _ in range(len(linked).bit_length()):
        reach = reach @ reach
    return sorted(list(map(int, np.flatnonzero(row))) for row in np.unique(reach, axis=0) if row.sum() > 1)


def _within(block: list[int], table: Values, units: Values, noise: float) -> list[tuple[int, ...]]:
    """The smallest sets of columns in a block whose sum is constant and no accident."""
    found: list[tuple[int, ...]] = []
    for few in _still(block, table, units, noise):
        known = any(set(one) <= set(few) for one in found)
        if not known and _constant(table[:, few], units[list(few)], noise, table.shape[1]):
            found.append(few)
    return found


def _still(block: list[int], table: Values, units: Values, noise: float) -> list[tuple[int, ...]]:
    """The sets of columns in a block, the smallest first, whose sum does not vary in the first rows."""
    sizes = range(2, len(block) + 1) if len(block) <= MOST else (len(block),)
    every = [few for size in sizes for few in combinations(block, size)]
    chosen = np.zeros((len(every), table.shape[1]))
    for row, few in zip(chosen, every, strict=True):
        row[list(few)] = 1
    first = table[:64]
    room = 2 * noise * chosen @ units + 2e-9 * np.abs(first).max()
    return [few for few, still in zip(every, np.ptp(first @ chosen.T, axis=0) <= room, strict=True) if still]


def _constant(parts: Values, units: Values, noise: float, columns: int) -> bool:
    total = parts.sum(1)
    room = noise * units.sum() + 1e-9 * np.abs(parts).max()
    if np.abs(total[:SAMPLE] - np.median(total[:SAMPLE])).max() > room or np.ptp(total) > 2 * room:
        return False
    tried = len(np.unique(parts[:SAMPLE], axis=0)) - 1
    spread = math.sqrt(float((parts.std(0) ** 2).sum()))
    # Random numbers would hit the sum with this probability in each row, in any of 2**d sets of d columns.
    hit = min(1.0, (units.max() + 2 * noise * units.sum()) / (2.5 * spread))
    chance = tried * math.log(hit) + columns * math.log(2)
    allowed = CHANCES.get(round(float(np.median(total)), 9), RARE)
    return tried >= parts.shape[1] and chance < math.log(allowed)


def _linear(names: list[str], parts: Values, units: Values) -> Linear:
    places = max(0, -math.floor(math.log10(units.max()) + 0.5))
    return Linear.total(names, float(round(float(np.median(parts.sum(1))), min(places, 12))))
