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

from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.space import Space

HALVINGS = 60
"""Steps of bisection for a sum."""
ROUNDS = 200
"""Rounds between the bounds and sums that share columns."""


class Simplexes(NamedTuple):
    """Neighbouring groups of coordinates, each of which is a simplex: not negative, with the sum 1."""

    start: int
    groups: int
    size: int

    @property
    def place(self) -> slice:
        """Their coordinates."""
        return slice(self.start, self.start + self.groups * self.size)


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
    """

    lower: Tensor
    upper: Tensor
    simplexes: tuple[Simplexes, ...] = ()
    totals: tuple[Total, ...] = ()

    def __call__(self, x: Tensor) -> Tensor:
        """The nearest vectors (..., d): exactly for bounds, levels and sums that share no column.

        Sums that share columns and their bounds are taken in turn, which ends close to the space.
        """
        wide = x.double()
        lower, upper = self.lower.to(x.device), self.upper.to(x.device)
        if self._shared:
            wide = self._alternate(wide, lower, upper)
        else:
            for total in self.totals:
                wide = _onto(total, wide, lower, upper)
        for group in self.simplexes:
            part = wide[..., group.place]
            shares = onto_simplex(part.reshape(*part.shape[:-1], group.groups, group.size)).reshape(part.shape)
            wide = torch.cat([wide[..., : group.start], shares, wide[..., group.place.stop :]], dim=-1)
        return wide.clamp(lower, upper).to(x.dtype)

    @property
    def trivial(self) -> bool:
        """Whether it moves nothing."""
        free = bool(torch.isinf(self.lower).all() and torch.isinf(self.upper).all())
        return free and not self.simplexes and not self.totals

    def _alternate(self, x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
        weights = torch.stack([total.weights for total in self.totals]).to(x.device)
        low, high = (torch.tensor(ends, device=x.device).double() for ends in zip(*(t[1:] for t in self.totals), strict=True))
        back = torch.linalg.pinv(weights)
        for _ in range(ROUNDS):
            now = x @ weights.T
            x = (x + (now.clamp(low, high) - now) @ back.T).clamp(lower, upper)
        return x

    @property
    def _shared(self) -> bool:
        touched = sum((total.weights != 0).int() for total in self.totals)
        return isinstance(touched, Tensor) and bool((touched > 1).any())


def _onto(total: Total, x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The nearest vectors whose coordinates keep a sum and their bounds: x - level * weights, clamped."""
    weights = total.weights.to(x.device)
    inside = torch.where(weights != 0, x.clamp(lower, upper), x)
    now = (weights * inside).sum(-1, keepdim=True)
    wanted = now.clamp(total.lower, total.upper)
    size = weights.abs()
    widths = torch.where(torch.isfinite(upper - lower), upper - lower, 0.0)
    beyond = (x - inside).abs()
    reach = (now - wanted).abs() + (size * (beyond + widths)).sum(-1, keepdim=True)
    reach = 2 * reach / size[size > 0].min() ** 2 + 2 * (beyond + widths).amax(-1, keepdim=True) / size[size > 0].min()
    low, high = -reach, reach
    for _ in range(HALVINGS):
        level = (low + high) / 2
        above = (weights * (x - level * weights).clamp(lower, upper)).sum(-1, keepdim=True) > wanted
        low, high = torch.where(above, level, low), torch.where(above, high, level)
    moved = (x - (low + high) / 2 * weights).clamp(lower, upper)
    # Without a need to move, bisection would only add rounding.
    return torch.where((weights != 0) & (now != wanted), moved, inside)


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
    sums = [(torch.from_numpy(row), one.lower, one.upper) for row, one in zip(space.weights, space.constraints, strict=True)]
    totals = [Total(row * std, low - float(row @ mean), up - float(row @ mean)) for row, low, up in sums]
    return Projection((lower - mean) / std, (upper - mean) / std, (), tuple(totals))


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
