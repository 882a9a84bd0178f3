"""The columns of encoded designs, and the scale on which a kernel measures distances in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mbo_core.stages import Data, EncodedSpace


class Group(NamedTuple):
    """The neighbouring coordinates of one column."""

    place: slice
    category: bool
    """whether they stand for a level or a letter"""
    corners: bool
    """whether they are the corner of a simplex"""


class Layout(NamedTuple):
    """Which column each coordinate belongs to, and its scale."""

    column: Tensor
    """(d,) int64, the number of the column"""
    low: Tensor
    """(d,) float64, what is subtracted from a coordinate"""
    scale: Tensor
    """(d,) float64, what it is then divided by"""
    category: Tensor
    """(columns,) bool"""

    def features(self, x: Tensor) -> Tensor:
        """Encoded designs (..., d) in float64, numbers from 0 to 1, different levels at distance 1."""
        return (x.double() - self.low) / self.scale


def groups(space: EncodedSpace) -> Iterator[Group]:
    """The columns of a space: a position, a level or a number each."""
    if len(space.shape) == 2:
        width, exact = space.shape[1], space.representation == "one-hot"
        for position in range(space.shape[0]):
            yield Group(slice(position * width, (position + 1) * width), True, exact)
        return
    simplexes = space.projection.simplexes if space.projection is not None else ()
    corners = {one.start + at * one.size: one.size for one in simplexes for at in range(one.groups)}
    start = 0
    while start < len(space.lower):
        width = corners.get(start, 1)
        yield Group(slice(start, start + width), start in corners, start in corners)
        start += width


def layout(data: Data) -> Layout:
    """The layout of the data: a number is scaled by the range of space and data together."""
    column, category = [], []
    for number, group in enumerate(groups(data.space)):
        column += [number] * (group.place.stop - group.place.start)
        category.append(group.category)
    low = torch.minimum(data.space.lower, data.x.amin(0)).double()
    width = torch.maximum(data.space.upper, data.x.amax(0)).double() - low
    of = torch.tensor(column, device=data.x.device)
    kinds = torch.tensor(category, device=data.x.device)
    # Two corners of a simplex with unit sides are the square root of 2 apart.
    scale = torch.where(width > 0, width, 1.0) * torch.where(kinds[of], 2**0.5, 1.0)
    return Layout(of, low, scale, kinds)
