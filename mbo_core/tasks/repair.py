"""The nearest design under linear constraints, by a mixed-integer program (HiGHS, by `scipy.optimize.milp`).

Each number that a constraint binds is a variable in units of its range, and a program finds the values whose distances
to the wanted ones add up to least. Stepped numbers count steps, listed ones choose one of their values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from mbo_core.tasks.columns import Column
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Number

if TYPE_CHECKING:
    from mbo_core.tasks.space import Space

ROOM = 1e-10
"""Room in tight sums, as shares of their terms: without it HiGHS calls some spaces of one design infeasible."""
SECONDS = 10.0
"""After that the best design found counts as the nearest."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """The variables of one number: `offset + weights @ variables` is its value.

    Attributes:
        column: the number.
        place: its coordinate.
        offset: what it is where all variables are 0.
        weights: how it rises with each of its variables.
        lower: the smallest value of each variable.
        upper: the largest.
        integral: whether the variables are whole.
        chosen: whether exactly one of them is 1.
    """

    column: Number
    place: int
    offset: float
    weights: Values
    lower: Values
    upper: Values
    integral: bool
    chosen: bool = False

    def value(self, variables: Values) -> float:
        """The number, exactly on its grid."""
        if self.chosen:
            return float(self.weights[variables.argmax()])
        if self.integral:
            return float(self.column.on_grid(np.rint(variables))[0])
        return float(self.column.nearest(self.offset + self.weights * variables)[0])


def _block(column: Column, number: Number, place: int) -> Block:
    if isinstance(column, Fixed):
        value = float(column.coordinates[0])
        return Block(number, place, value, np.zeros(1), np.zeros(1), np.zeros(1), False)
    if number.values is not None:
        ones = np.ones(len(number.values))
        return Block(number, place, 0.0, np.array(number.values), 0 * ones, ones, True, True)
    if number.step is not None:
        first, last = number.places
        return Block(number, place, 0.0, np.array([number.step]), np.array([first]), np.array([last]), True)
    lower, upper = number.bounds
    offset = lower if np.isfinite(lower) else 0.0
    width = number.scale
    ends = (np.array([(lower - offset) / width]), np.array([(upper - offset) / width]))
    return Block(number, place, offset, np.array([width]), *ends, False)


class Program:
    """Finds the nearest design of a space with constraints.

    Args:
        space: the space.
    """

    def __init__(self, space: Space) -> None:
        bound = np.flatnonzero((space.weights != 0).any(0))
        numbers = [(column, space.number(column)) for column in space.columns]
        places = {space.place(column.name).start: (column, number) for column, number in numbers if number}
        self.space = space
        self.blocks = [_block(*places[place], int(place)) for place in bound]
        self.counts = [len(block.weights) for block in self.blocks]
        self.weights = space.weights[:, bound]

    def solve(self, x: Values) -> Values | None:
        """The design (length,) nearest to x whose bound numbers satisfy the constraints; None if there is none."""
        variables = self._variables(x)
        if variables is None:
            return None
        found = np.array(x, dtype=np.float64)
        for block, own in zip(self.blocks, np.split(variables, np.cumsum(self.counts)[:-1]), strict=True):
            found[block.place] = block.value(own)
        found = self._closed(found)
        return found if self.space.kept(found[None])[0] else None

    def _variables(self, x: Values) -> Values | None:
        """The variables of the nearest design, followed by none of the distances."""
        total, count = sum(self.counts), len(self.blocks)
        scale = np.array([block.column.scale for block in self.blocks])
        wanted = np.array([x[block.place] - block.offset for block in self.blocks]) / scale
        spread = self._spread() / scale[:, None]
        near = np.eye(count)
        rows = [
            LinearConstraint(np.hstack([spread, -near]), -np.inf, wanted),
            LinearConstraint(np.hstack([spread, near]), wanted, np.inf),
            self._sums(),
            *self._choices(),
        ]
        # HiGHS ends some programs that have a solution with a solve error, but not without its presolve.
        for presolve in (True, False):
            result = milp(
                np.concatenate([np.zeros(total), np.ones(count)]),
                integrality=np.concatenate([self._integral(), np.zeros(count)]),
                bounds=self._bounds(),
                constraints=rows,
                options={"mip_rel_gap": 0.0, "time_limit": SECONDS, "presolve": presolve},
            )
            if result.x is not None:
                return np.asarray(result.x[:total])
        return None

    def _spread(self) -> Values:
        """How each number rises with all variables, (numbers, variables)."""
        spread = np.zeros((len(self.blocks), sum(self.counts)))
        start = 0
        for row, block in zip(spread, self.blocks, strict=True):
            row[start : start + len(block.weights)] = block.weights
            start += len(block.weights)
        return spread

    def _sums(self) -> LinearConstraint:
        """The space's constraints, each divided by its largest coefficient."""
        offset = self.weights @ np.array([block.offset for block in self.blocks])
        sums = self.weights @ self._spread()
        lower, upper = (end - offset for end in self.space.ends)
        size = np.maximum(np.abs(sums).max(1), 1e-300)
        room = ROOM * np.maximum(
            1.0, np.maximum(*(np.where(np.isfinite(end), np.abs(end), 0) for end in (lower, upper)))
        )
        padded = np.hstack([sums / size[:, None], np.zeros((len(sums), len(self.blocks)))])
        return LinearConstraint(padded, (lower - room) / size, (upper + room) / size)

    def _choices(self) -> list[LinearConstraint]:
        rows = np.zeros((len(self.blocks), sum(self.counts) + len(self.blocks)))
        start = 0
        for row, block in zip(rows, self.blocks, strict=True):
            row[start : start + len(block.weights)] = block.chosen
            start += len(block.weights)
        chosen = rows[[block.chosen for block in self.blocks]]
        return [LinearConstraint(chosen, 1, 1)] if len(chosen) else []

    def _integral(self) -> Values:
        return np.concatenate([np.full(len(block.weights), float(block.integral)) for block in self.blocks])

    def _bounds(self) -> Bounds:
        free = np.full(len(self.blocks), np.inf)
        lower = np.concatenate([*(block.lower for block in self.blocks), 0 * np.ones(len(self.blocks))])
        return Bounds(lower, np.concatenate([*(block.upper for block in self.blocks), free]))

    def _closed(self, x: Values) -> Values:
        """Numbers without steps moved, within their bounds, by what the solver's tolerance left of the sums."""
        free = [block for block in self.blocks if not block.integral and block.weights.any()]
        places = [block.place for block in free]
        if not free:
            return x
        lower = np.array([block.column.bounds[0] for block in free])
        upper = np.array([block.column.bounds[1] for block in free])
        for _ in range(20):
            lacking = self.space.lacking(x)
            if not np.abs(lacking).max() > 0:
                break
            move = self._move(lacking, places, np.ones(len(places), dtype=bool))
            movable = ~(((x[places] <= lower) & (move < 0)) | ((x[places] >= upper) & (move > 0)))
            x[places] = np.clip(x[places] + self._move(lacking, places, movable), lower, upper)
        return x

    def _move(self, lacking: Values, places: list[int], movable: NDArray[np.bool_]) -> Values:
        """The smallest move of some numbers that gives the sums what they lack."""
        return np.asarray(np.linalg.lstsq(self.space.weights[:, places] * movable, lacking, rcond=None)[0])
