"""Splines of single coordinates: an additive model is linear in them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Splines(NamedTuple):
    """The coordinates that vary in the data, and the knots of each."""

    coordinates: tuple[int, ...]
    knots: tuple[Tensor, ...]
    """float64 (m,), ascending, at least two"""


def splines(x: Tensor, most: int) -> Splines:
    """Knots at up to `most` quantiles of each coordinate of x (N, d), or at its values if they are as few."""
    found = {place: _knots(column, most) for place, column in enumerate(x.double().T)}
    kept = {place: knots for place, knots in found.items() if len(knots) > 1}
    return Splines(tuple(kept), tuple(kept.values()))


def _knots(values: Tensor, most: int) -> Tensor:
    distinct: Tensor = torch.unique(values)
    if len(distinct) <= most:
        return distinct
    places = torch.linspace(0, len(values) - 1, most, device=values.device).round().long()
    quantiles: Tensor = torch.unique(values.sort().values[places])
    return quantiles


def features(kept: Splines, x: Tensor) -> Tensor:
    """The splines of all coordinates for designs (n, d), (n, features) float64; constant beyond the outer knots."""
    parts = [basis(x[:, place].double(), knots) for place, knots in zip(kept.coordinates, kept.knots, strict=True)]
    return torch.cat(parts, dim=1) if parts else torch.zeros_like(x[:, :1]).double()


def basis(x: Tensor, knots: Tensor) -> Tensor:
    """Cubic B-splines of x (n,), which are linear between only two knots; (n, m + 2), or (n, 2).

    The recursion of de Boor (1972), with equal steps beyond the outer knots.
    """
    degree = 3 if len(knots) > 2 else 1
    steps = torch.arange(1, degree + 1, dtype=knots.dtype, device=knots.device)
    before, after = (knots[1] - knots[0]) * steps.flip(0), (knots[-1] - knots[-2]) * steps
    t = torch.cat([knots[0] - before, knots, knots[-1] + after])
    inside = x.clamp(knots[0], knots[-1])[:, None]
    # The last interval holds its upper end too.
    place = (torch.searchsorted(knots, inside, right=True) - 1).clamp(0, len(knots) - 2) + degree
    found = (torch.arange(len(t) - 1, device=x.device) == place).to(knots.dtype)
    for k in range(1, degree + 1):
        left = (inside - t[: -k - 1]) / (t[k:-1] - t[: -k - 1])
        right = (t[k + 1 :] - inside) / (t[k + 1 :] - t[1:-k])
        found = left * found[:, :-1] + right * found[:, 1:]
    return found
