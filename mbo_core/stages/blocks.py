"""How the encoding `columns` writes each column: the coordinates of one column, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.stages.projection import Grid, Projection, Simplexes, Total, bounds, listed
from mbo_core.stages.scales import statistics
from mbo_core.tasks.columns import Category, Column, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Number
from mbo_core.tasks.space import Space

CONSTANT = 1e-6
"""A column whose visible values differ by less, in units of its range, counts as constant."""


@dataclass(frozen=True, eq=False)
class Amount:
    """A number, standardised over the visible designs; its logarithm if the column says so.

    Attributes:
        place: its coordinate in raw designs.
        mean: the mean that is subtracted.
        std: the standard deviation that it is divided by.
        log: whether it is the logarithm that is standardised.
    """

    place: slice
    mean: float
    std: float
    log: bool

    @property
    def width(self) -> int:
        """1."""
        return 1

    def encode(self, x: Tensor) -> Tensor:
        """Float64 raw numbers (n, 1) to standardised ones (n, 1)."""
        return ((x.log() if self.log else x) - self.mean) / self.std

    def decode(self, x: Tensor) -> Tensor:
        """The way back."""
        raw = x * self.std + self.mean
        return raw.exp() if self.log else raw


@dataclass(frozen=True, eq=False)
class Levels:
    """Codes as points: corners of a simplex, or standardised descriptors.

    Attributes:
        place: their coordinates in raw designs, one a position.
        points: (levels, m) the point of each code.
        shares: whether the points are the corners of a simplex.
        own: how many codes are of the space, the first ones; the others only the data have.
    """

    place: slice
    points: Tensor
    shares: bool
    own: int

    @property
    def positions(self) -> int:
        """The number of codes in a design."""
        return int(self.place.stop - self.place.start)

    @property
    def width(self) -> int:
        """The number of encoded coordinates."""
        return self.positions * self.points.shape[1]

    def encode(self, x: Tensor) -> Tensor:
        """Codes (n, positions) to points (n, width)."""
        return self.points[x.long()].flatten(1)

    def decode(self, x: Tensor) -> Tensor:
        """Points (n, width) to the codes of the nearest ones in the space (n, positions)."""
        parts = x.reshape(len(x), self.positions, self.points.shape[1])
        return torch.cdist(parts, self.points[: self.own].expand(len(x), -1, -1)).argmin(-1).double()


Block = Amount | Levels


def block(space: Space, column: Column, x: Tensor) -> Block:
    """How to write a column, fitted to the visible raw designs (N, length).

    Raises:
        TaskError: for a logarithm of what is not positive.
    """
    place, inner = space.place(column.name), column.of if isinstance(column, Fixed) else column
    if isinstance(inner, Number):
        return _amount(space, inner, place, x[:, place])
    if isinstance(inner, Category) and inner.descriptors:
        return _described(inner, place)
    assert isinstance(inner, (Category, Sequence))
    own, codes = (inner.classes, inner.codes) if isinstance(inner, Sequence) else (inner.size, len(inner.known))
    return Levels(place, torch.eye(codes, dtype=torch.float64), True, own)


def _described(column: Category, place: slice) -> Levels:
    """Levels as their standardised descriptors; one without, which only the data have, as the mean of the others."""
    described = torch.tensor(list(column.descriptors.values()), dtype=torch.float64).T
    scale = statistics(described)
    points = (described - scale.mean) / scale.std
    return Levels(
        place, torch.cat([points, points.new_zeros(len(column.outside), points.shape[1])]), False, column.size
    )


def _amount(space: Space, number: Number, place: slice, values: Tensor) -> Amount:
    # A sum of logarithms is no sum: numbers that a constraint binds are written as they are.
    log = number.log and not bool((space.weights[:, place] != 0).any())
    if log and (values.min() <= 0 or number.bounds[0] == 0):
        raise TaskError(f'log column "{number.name}" has values or bounds of 0', "give positive ones, or log = false")
    seen = values.log() if log else values
    scale = statistics(seen)
    # A column that is constant but for rounding is not blown up: its range is the unit then.
    constant = not log and bool(seen.max() - seen.min() <= CONSTANT * number.scale)
    return Amount(place, float(scale.mean), number.scale if constant else float(scale.std), log)


def projection(space: Space, blocks: tuple[Block, ...]) -> Projection:
    """The projection of designs that are written by blocks, one for each column of the space."""
    lowest, highest = bounds(space)
    totals = [torch.zeros(sum(one.width for one in blocks), dtype=torch.float64) for _ in space.constraints]
    offsets = [0.0] * len(totals)
    lower: list[Tensor] = []
    upper: list[Tensor] = []
    simplexes: list[Simplexes] = []
    grids: list[Grid] = []
    values, start = listed(space), 0
    for column, one in zip(space.columns, blocks, strict=True):
        if isinstance(one, Amount):
            ends = torch.tensor([[lowest[one.place.start]], [highest[one.place.start]]])
            own = one.encode(ends)
            for row, weights in enumerate(space.weights[:, one.place.start]):
                totals[row][start] = weights * one.std
                offsets[row] += float(weights) * one.mean
            if one.place.start in values:
                grids.append(Grid(start, one.encode(values[one.place.start][:, None])[:, 0]))
        else:
            own = _ends(column, one)
            simplexes += [Simplexes(start, one.positions, one.points.shape[1], one.own)] if one.shares else []
        lower, upper, start = [*lower, own[0]], [*upper, own[1]], start + one.width
    sums = zip(totals, offsets, space.constraints, strict=True)
    bound = tuple(Total(row, each.lower - offset, each.upper - offset) for row, offset, each in sums)
    return Projection(torch.cat(lower), torch.cat(upper), tuple(simplexes), bound, tuple(grids))


def _ends(column: Column, levels: Levels) -> Tensor:
    """The smallest and the largest coordinates of points, (2, width)."""
    if isinstance(column, Fixed):
        return levels.encode(torch.from_numpy(column.coordinates)[None]).expand(2, -1)
    points = levels.points[: levels.own]
    ends = torch.stack([points.amin(0), points.amax(0)])
    return ends.repeat(1, levels.positions)
