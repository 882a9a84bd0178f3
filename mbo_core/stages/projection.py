"""The nearest encoded vectors inside a space: its bounds, sums and levels, for use in a search.

Steps and listed values are left to decoding: a search moves between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.space import Space

ROUNDING = 1e-6
"""Encoded coordinates are about 1 in size, in float32."""
LISTED = 1000
"""A number with more values is not listed."""
ROUNDS = 10
"""Rounds over sums that share columns."""


class Simplexes(NamedTuple):
    """Neighbouring groups of coordinates, each of which is a simplex: not negative, with the sum 1."""

    start: int
    groups: int
    size: int
    own: int
    """How many coordinates of a group may differ from 0, the first ones."""

    @property
    def place(self) -> slice:
        """Their coordinates."""
        return slice(self.start, self.start + self.groups * self.size)


class Grid(NamedTuple):
    """The values of one number that has steps or listed values."""

    place: int
    values: Tensor
    """(values,) float64, encoded, ascending"""


class Total(NamedTuple):
    """A weighted sum of encoded coordinates between two bounds."""

    weights: Tensor
    """(d,) float64."""
    lower: float
    upper: float


@dataclass(frozen=True, eq=False)
class Projection:
    """The map onto the encoded vectors that lie in a space.

    Attributes:
        lower: (d,) float64 bounds, infinite where there is none.
        upper: (d,) likewise.
        simplexes: coordinates that are shares of levels.
        totals: sums of numbers.
        grids: the values of stepped numbers, for searches that take steps; the map itself leaves them to decoding.
    """

    lower: Tensor
    upper: Tensor
    simplexes: tuple[Simplexes, ...] = ()
    totals: tuple[Total, ...] = ()
    grids: tuple[Grid, ...] = ()

    def __call__(self, x: Tensor) -> Tensor:
        """The nearest vectors (..., d); where sums share columns, close to them."""
        wide = x.double()
        lower, upper = self.lower.to(x.device), self.upper.to(x.device)
        wide = self._summed(wide, lower, upper) if self.totals else wide
        for group in self.simplexes:
            part = wide[..., group.place]
            shares = onto_simplex(part.reshape(*part.shape[:-1], group.groups, group.size)[..., : group.own])
            shares = pad(shares, (0, group.size - group.own)).reshape(part.shape)
            wide = torch.cat([wide[..., : group.start], shares, wide[..., group.place.stop :]], dim=-1)
        return wide.clamp(lower, upper).to(x.dtype)

    def narrowed(self, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        """The bounds of the space where it has some, else those given, (d,) each."""
        own = [(end.to(given.device, given.dtype), given) for end, given in ((self.lower, lower), (self.upper, upper))]
        low, high = (torch.where(end.isfinite(), end, given) for end, given in own)
        return low, high

    @property
    def trivial(self) -> bool:
        """Whether it moves nothing."""
        free = bool(torch.isinf(self.lower).all() and torch.isinf(self.upper).all())
        return free and not self.simplexes and not self.totals

    def _summed(self, x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
        """The nearest numbers with the right sums: each sum in turn, in rounds if they share columns (Dykstra 1983)."""
        added = [torch.zeros_like(x) for _ in self.totals]
        for _ in range(ROUNDS if self._shared else 1):
            for place, total in enumerate(self.totals):
                start = x + added[place]
                x = _onto(total, start, lower, upper)
                added[place] = start - x
        return x

    @property
    def _shared(self) -> bool:
        touched = sum((total.weights != 0).int() for total in self.totals)
        return isinstance(touched, Tensor) and bool((touched > 1).any())


def _onto(total: Total, x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The nearest vectors with one sum right and its numbers in bounds: `(x - pull * weights).clamp(lower, upper)`."""
    weights = total.weights.to(x.device)
    own = weights.nonzero().squeeze(-1)
    part = Part(weights[own], x[..., own], lower[own], upper[own])
    now = part.sum_at(0.0)
    wanted = now.clamp(total.lower, total.upper)
    # A sum that is right but for float32 rounding needs no pull, and at a corner of the space none would be enough.
    wrong = (now - wanted).abs() > ROUNDING * part.weights.abs().sum()
    pull = torch.where(wrong, part.pull(now, wanted), 0.0)
    return torch.where(weights != 0, (x - pull * weights).clamp(lower, upper), x)


class Part(NamedTuple):
    """The numbers of a sum: as they are pulled, `sum_at` falls along straight lines between corners."""

    weights: Tensor
    """(k,) none is 0."""
    x: Tensor
    """(..., k)"""
    lower: Tensor
    """(k,)"""
    upper: Tensor
    """(k,)"""

    def sum_at(self, pull: Tensor | float) -> Tensor:
        """The sum, (..., 1), of the numbers pulled by (..., 1)."""
        return (self.weights * (self.x - pull * self.weights).clamp(self.lower, self.upper)).sum(-1, keepdim=True)

    def pull(self, now: Tensor, wanted: Tensor) -> Tensor:
        """The pull (..., 1) at which the sum is the wanted one; a bound on it where none is enough."""
        reach = self._reach(now, wanted)
        ends = torch.stack([(self.x - self.upper) / self.weights, (self.x - self.lower) / self.weights])
        begin, end = (one.clamp(-reach, reach) for one in (ends.amin(0), ends.amax(0)))
        corners, order = torch.cat([-reach, begin, end, reach], dim=-1).sort(dim=-1)
        squares = (self.weights**2).expand(self.x.shape)
        # A number moves from the first of its corners to the last.
        turns = torch.cat([torch.zeros_like(reach), -squares, squares, torch.zeros_like(reach)], dim=-1)
        slopes = turns.gather(-1, order).cumsum(-1)[..., :-1]
        falls = (slopes * corners.diff(dim=-1)).cumsum(-1)
        heights = torch.cat([torch.zeros_like(reach), falls], dim=-1) + self.sum_at(-reach)
        left = ((heights > wanted).sum(-1, keepdim=True) - 1).clamp(0, heights.shape[-1] - 2)
        (high, low), (start, stop) = ((one.gather(-1, left), one.gather(-1, left + 1)) for one in (heights, corners))
        share = torch.where(high > low, (high - wanted) / (high - low), 0.0).clamp(0, 1)
        return start + share * (stop - start)

    def _reach(self, now: Tensor, wanted: Tensor) -> Tensor:
        """No pull needs to be larger, (..., 1)."""
        size, least = self.weights.abs(), self.weights.abs().min()
        widths = torch.where(torch.isfinite(self.upper - self.lower), self.upper - self.lower, 0.0)
        slack = (self.x - self.x.clamp(self.lower, self.upper)).abs() + widths
        return 2 * ((now - wanted).abs() + (size * slack).sum(-1, keepdim=True)) / least**2 + (
            slack.amax(-1, keepdim=True) / least
        )


def onto_simplex(x: Tensor) -> Tensor:
    """The nearest points (..., K) that are not negative and add to 1 (Held, Wolfe and Crowder 1974)."""
    ordered = x.sort(dim=-1, descending=True).values
    excess = ordered.cumsum(-1) - 1
    count = torch.arange(1, x.shape[-1] + 1, device=x.device, dtype=x.dtype)
    kept = (ordered * count > excess).sum(-1, keepdim=True)
    threshold = excess.gather(-1, kept - 1) / kept
    return (x - threshold).clamp_min(0)


def of_numbers(space: Space, mean: Tensor, std: Tensor) -> Projection:
    """The projection of designs of numbers that are standardised by `(x - mean) / std`, (length,) each."""
    lower, upper = (torch.from_numpy(end) for end in bounds(space))
    sums = [
        (torch.from_numpy(row), one.lower, one.upper) for row, one in zip(space.weights, space.constraints, strict=True)
    ]
    totals = [Total(row * std, low - float(row @ mean), up - float(row @ mean)) for row, low, up in sums]
    grids = [Grid(at, (values - mean[at]) / std[at]) for at, values in listed(space).items()]
    return Projection((lower - mean) / std, (upper - mean) / std, (), tuple(totals), tuple(grids))


def listed(space: Space) -> dict[int, Tensor]:
    """The values of each raw coordinate that is a number with few of them, float64 (values,), ascending."""
    numbers = {space.place(column.name).start: space.number(column) for column in space.columns}
    few = {at: one for at, one in numbers.items() if one is not None and one.size and one.size <= LISTED}
    return {at: torch.from_numpy(one.listed()[:, 0]) for at, one in few.items()}


def bounds(space: Space) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The bounds of each number's coordinate, (length,) each; of other coordinates infinite."""
    lower, upper = np.full(space.length, -np.inf), np.full(space.length, np.inf)
    for column in space.columns:
        place, number = space.place(column.name), space.number(column)
        if isinstance(column, Fixed) and number is not None:
            lower[place] = upper[place] = column.coordinates
        elif number is not None:
            lower[place], upper[place] = number.bounds
    return lower, upper
