"""Mutation and crossover of real designs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mbo_core.tasks.columns import Category, Column, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Number
from mbo_core.tasks.space import Space

Array = NDArray[Any]
COPIED = 0.5
"""How often a number takes the value of a row: usual amounts, whole days."""


@dataclass(frozen=True, eq=False)
class Variation:
    """Changes designs of a space; what it returns may have to be repaired.

    Attributes:
        space: the space.
        rows: (N, length) the visible designs; some may lie outside the space.
        step: of a free number, in standard deviations of its column.
    """

    space: Space
    rows: Array
    step: float

    @cached_property
    def places(self) -> tuple[tuple[int, Column], ...]:
        """The coordinates that can vary, with their columns: each position of a sequence is one."""
        return tuple((place, column) for place, column in self._coordinates() if self._varies(place, column))

    def _coordinates(self) -> Iterator[tuple[int, Column]]:
        for column in self.space.columns:
            part = self.space.place(column.name)
            yield from ((place, column) for place in range(part.start, part.stop))

    def _varies(self, place: int, column: Column) -> bool:
        if isinstance(column, Fixed) or column.size == 1:
            return False
        return not isinstance(column, Number) or column.size is not None or self._spread(place, column) > 0

    def crossed(self, rng: Generator, one: Array, other: Array, chance: float) -> Array:
        """Designs (n, length), of which some by chance take about half of their blocks from the other parent.

        A block is a column, or all columns that constraints bind together; a sequence is cut at two points.
        """
        mixed, made = rng.random(len(one)) < chance, one.copy()
        for block in self._blocks:
            taken = (mixed & (rng.random(len(one)) < 0.5))[:, None] & np.isin(np.arange(one.shape[1]), block)
            made = np.where(taken, other, made)
        for part in self._sequences:
            cuts = np.sort(rng.integers(0, part.stop - part.start + 1, (len(one), 2)), axis=1) + part.start
            place = np.arange(one.shape[1])
            taken = mixed[:, None] & (place >= cuts[:, :1]) & (place < cuts[:, 1:])
            made = np.where(taken, other, made)
        return made

    @cached_property
    def _sequences(self) -> list[slice]:
        return [self.space.place(one.name) for one in self.space.columns if isinstance(one, Sequence)]

    @cached_property
    def _blocks(self) -> list[list[int]]:
        """The coordinates of columns that are not sequences, those of bound columns together."""
        single = [one for one in self.space.columns if not isinstance(one, Sequence)]
        group = {self.space.place(one.name).start: {self.space.place(one.name).start} for one in single}
        for weights in self.space.weights:
            joined = set().union(*(group[place] for place in np.flatnonzero(weights)))
            group |= dict.fromkeys(joined, joined)
        return [sorted(block) for place, block in group.items() if place == min(block)]

    def mutated(self, rng: Generator, x: Array, most: int) -> Array:
        """Designs (n, length) with 1 to `most` of their coordinates changed: 1 + Binomial(most - 1, 1/2)."""
        made, count = x.astype(np.float64), len(self.places)
        changes = 1 + rng.binomial(min(most, count) - 1, 0.5, len(x))
        chosen = rng.random((len(x), count)).argsort(1).argsort(1) < changes[:, None]
        for number, (place, column) in enumerate(self.places):
            rows = np.flatnonzero(chosen[:, number])
            if len(rows):
                made[rows] = self._changed(rng, place, column, made[rows])
        return made

    def _changed(self, rng: Generator, place: int, column: Column, x: Array) -> Array:
        """Designs with one coordinate changed, and another of the same sum that makes up for it."""
        wanted = self._moved(rng, place, column, x[:, place])
        for weights in self.space.weights[self._equal & (self.space.weights[:, place] != 0)]:
            return self._exchanged(rng, place, wanted, weights, x)
        return np.where(np.arange(x.shape[1]) == place, wanted[:, None], x)

    @cached_property
    def _equal(self) -> NDArray[np.bool_]:
        lower, upper = self.space.ends
        return np.asarray(lower == upper)

    def _moved(self, rng: Generator, place: int, column: Column, x: Array) -> Array:
        if isinstance(column, Number):
            stepped = self._stepped(rng, place, column, x)
            copied = self.rows[rng.integers(len(self.rows), size=len(x)), place]
            return np.where(rng.random(len(x)) < COPIED, copied, stepped)
        if isinstance(column, Category) and column.descriptors:
            return _near(rng, column, x)
        assert isinstance(column, (Category, Sequence))
        classes = column.classes if isinstance(column, Sequence) else column.size
        return (x + rng.integers(1, classes, len(x))) % classes

    def _stepped(self, rng: Generator, place: int, column: Number, x: Array) -> Array:
        steps = rng.geometric(0.5, len(x)) * rng.choice([-1, 1], len(x))
        if column.values is not None:
            known = np.array(column.values)
            at = np.abs(x[:, None] - known).argmin(1)
            return np.asarray(known[_reflected(at + steps, 0, len(known) - 1).astype(int)])
        if column.step is not None:
            return _reflected(x + column.step * steps, *column.bounds)
        move = self.step * self._spread(place, column) * rng.normal(size=len(x))
        return _reflected(x * np.exp(move) if self._log(column) else x + move, *column.bounds)

    def _log(self, column: Number) -> bool:
        return column.log and column.bounds[0] > 0

    def _spread(self, place: int, column: Number) -> float:
        """The standard deviation of a column, or what its bounds allow if the rows do not vary."""
        values = self.rows[:, place].astype(np.float64)
        spread = float(np.std(np.log(values) if self._log(column) else values))
        bounded = bool(np.isfinite(column.bounds).all())
        return spread if spread > 0 or not bounded else column.scale / 4

    def _exchanged(self, rng: Generator, place: int, wanted: Array, weights: Array, x: Array) -> Array:
        """Designs in which a coordinate of a sum comes as near to what is wanted as one other can make up for."""
        made, all_places = x.copy(), [one for one, _ in self.places]
        partners = [one for one in all_places if weights[one] and one != place]
        if not partners:
            return x
        chosen = rng.choice(partners, len(x))
        for partner in np.unique(chosen):
            rows, ratio = chosen == partner, weights[place] / weights[partner]
            number = self.space.number(dict(self.places)[partner])
            assert number is not None
            given = np.clip(x[rows, partner] - ratio * (wanted[rows] - x[rows, place]), *number.bounds)
            made[rows, place] = x[rows, place] + (x[rows, partner] - given) / ratio
            made[rows, partner] = given
        return made


def _near(rng: Generator, column: Category, x: Array) -> Array:
    """Other levels, the likelier the nearer their standardised descriptors."""
    described = np.array(list(column.descriptors.values())).T
    described = (described - described.mean(0)) / np.maximum(described.std(0), 1e-12)
    far = np.linalg.norm(described[:, None] - described, axis=2)
    chance = np.exp(-far) * (1 - np.eye(column.size))
    upto = (chance / chance.sum(1, keepdims=True)).cumsum(1)[column.nearest(x).astype(int)]
    return np.asarray(np.minimum((rng.random((len(x), 1)) > upto).sum(1), column.size - 1), dtype=np.float64)


def _reflected(x: Array, lower: float, upper: float) -> Array:
    """Numbers beyond a bound, turned back into the range."""
    x = np.where(x < lower, 2 * lower - x, x)
    x = np.where(x > upper, 2 * upper - x, x)
    return np.clip(x, lower, upper)
