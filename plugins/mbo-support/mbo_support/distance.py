"""The distance of designs to the nearest rows, in the usual spacing of the rows."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from mbo_gp.layout import groups
from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages import Data, Key

Form = Literal["scale-free", "as-released"]
"""How a distance becomes a discount."""
NEIGHBOURS = 10
"""k for 200 rows and more; a twentieth of the rows for fewer."""
JUDGED = 2000
"""The most rows whose spacing is measured."""
CELLS = 2**24
"""The most distances in memory together."""
CONSTANT = 1e-6
"""A coordinate that varies less is not rescaled."""
SMOOTHING = 1e-3
"""Share of the spacing below which distances are rounded off, so that the discount is smooth at a row."""
OFFSET = 1e-8
"""Added to a distance before the logarithm, in SPADE's released code."""
TINY = 1e-24
"""Added to a squared distance before the root, whose derivative at 0 is infinite."""
ALIKE = 1.2
"""With a smaller reach all designs are about as far from the rows as the rows from each other."""


class Rows(NamedTuple):
    """The distinct designs of the data, and how far they lie from each other."""

    x: Tensor
    """(m, d) float64, numbers standardised, two levels of a category at distance 1"""
    y: Tensor
    """(m,) float64, the mean score of each"""
    scale: Tensor
    """(d,) float64, what encoded coordinates are multiplied by"""
    spacing: Tensor
    """(), r_0: the median distance of a row to its k-th nearest other"""
    reach: Tensor
    """(), the 95 % quantile of these distances, in units of the spacing"""


def count_of(neighbours: int | None, designs: int) -> int:
    """K, the number of neighbours: as asked, or a twentieth of the designs, from 1 to 10; fewer than the designs."""
    wanted = min(NEIGHBOURS, designs // 20) if neighbours is None else neighbours
    return max(1, min(wanted, designs - 1))


def rows_of(key: Key, data: Data, most: int, neighbours: int | None) -> Rows:
    """The rows among which designs are looked for: all, or `most` of them drawn at random.

    A single design has no spacing; the unit of the encoding stands for it.
    """
    place = keys.permutation(key, len(data.y))[:most]
    encoded, of = torch.unique(data.x[place].double(), dim=0, return_inverse=True)
    scale = scales(data, encoded)
    x, w = encoded * scale, data.w[place].double()
    total = torch.zeros_like(x[:, 0]).index_add(0, of, w)
    y = torch.zeros_like(total).index_add(0, of, w * data.y[place].double()) / total
    if len(x) == 1:
        return Rows(x, y, scale, torch.ones_like(y[0]), torch.ones_like(y[0]))
    # Its own row is among the neighbours.
    far, _ = nearest(x, x[:: -(-len(x) // JUDGED)], count_of(neighbours, len(x)) + 1)
    spacing = far.median()
    return Rows(x, y, scale, spacing, far.quantile(0.95) / spacing)


def check_designs(x: Tensor) -> None:
    """Refuse rows (m, d) of a single design, which has no spacing.

    Raises:
        TaskError: for such rows.
    """
    if bool((x == x[0]).all()):
        raise TaskError("the data have one design, and a distance needs two", "give more rows")


def scales(data: Data, x: Tensor) -> Tensor:
    """What the coordinates (d,) of designs (m, d) are multiplied by.

    Numbers get the standard deviation 1. What does not vary in the data keeps the unit of its encoding: a search that
    moves it leaves the data.
    """
    spread = x.std(0, correction=0)
    scale = torch.where(spread > CONSTANT, 1 / spread, 1.0)
    width = (torch.maximum(data.space.upper, data.x.amax(0)) - torch.minimum(data.space.lower, data.x.amin(0))).double()
    for group in groups(data.space):
        if group.category:
            # Two corners of a simplex with unit sides are the square root of 2 apart.
            wide = width[group.place]
            scale[group.place] = torch.where(wide > CONSTANT, 1 / wide, 1.0) / 2**0.5
    return scale


def nearest(rows: Tensor, x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The distance (n,) of designs (n, d) to the `count`-th nearest row, of (m, d), and the nearest ones (n, count).

    Only the distance is differentiable in x.
    """
    parts = torch.split(x.detach(), max(1, CELLS // len(rows)))
    found = torch.cat([torch.cdist(part, rows).topk(count, largest=False).indices for part in parts])
    return ((x - rows[found[:, -1]]).square().sum(1) + TINY).sqrt(), found


def log_distance(form: Form, rows: Rows, far: Tensor) -> Tensor:
    """The logarithm d (n,) of distances to the k-th nearest row.

    `scale-free`: in units of the spacing, and 0 within it. `as-released`: log(R + 1e-8), which is negative where rows
    are less than 1 apart.
    """
    if form == "as-released":
        return (far + OFFSET).log()
    units = (far.square() + (SMOOTHING * rows.spacing) ** 2).sqrt() / rows.spacing
    return units.log().relu()
