"""The rows of the data that a kernel is fitted to, and the scale of their coordinates."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import Data, EncodedSpace, Key

BEST = 10
"""Where rows are left out, every tenth of those that are kept is one of the best."""


class Rows(NamedTuple):
    """Rows of the data, in float64."""

    x: Tensor
    """(m, d) scaled designs"""
    y: Tensor
    """(m,)"""
    w: Tensor
    """(m,)"""


def fitted_rows(key: Key, data: Data, count: int) -> Rows:
    """All rows of the data or, if they are more than `count`, the best tenth of so many and others at random."""
    order = torch.sort(data.y, descending=True, stable=True).indices
    if len(order) > count:
        best, rest = order[: count // BEST], order[count // BEST :]
        order = torch.cat([best, rest[keys.permutation(key, len(rest))[: count - len(best)]]])
    return Rows(data.x[order].double() * scale_of(data.space), data.y[order].double(), data.w[order].double())


def scale_of(space: EncodedSpace) -> Tensor:
    """What the coordinates are multiplied by, (d,) float64: two levels of a category are 1 apart."""
    scale = torch.ones_like(space.lower, dtype=torch.float64)
    for group in space.projection.simplexes if space.projection else ():
        scale[group.place] = math.sqrt(0.5)
    return scale
