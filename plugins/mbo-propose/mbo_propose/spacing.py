"""How far designs lie from those that were tried, in units of the data's own spacing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from mbo_core.tasks.columns import Category, Column, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Number
from mbo_core.tasks.replicates import numbered
from mbo_core.tasks.space import Space

ASKED = 1000
"""The most designs whose nearest neighbours tell the spacing of the data."""
CELLS = 20_000_000
"""Distances that are computed at once."""
REACH = 0.95
"""The share of tried designs whose nearest neighbour lies within the reach."""

Values = NDArray[np.float64]


class Near(NamedTuple):
    """The nearest tried design of each of n designs."""

    distance: Values
    """(n,) in units of the spacing"""
    place: NDArray[np.int64]
    """(n,) its place among the tried designs"""


@dataclass(frozen=True, eq=False)
class Spacing:
    """The distances between tried designs: Euclidean, numbers in their standard deviations, two levels 1 apart.

    Attributes:
        space: the space.
        scales: (length,) the unit of each number; 1 for codes.
        points: (N, d) the tried designs as points.
        unit: the median distance of a tried design to the nearest other.
        reach: the 95 % quantile of these distances in units, at least 1.
    """

    space: Space
    scales: Values
    points: Values
    unit: float
    reach: float

    @classmethod
    def of(cls, space: Space, tried: NDArray[Any], seed: int = 0) -> Spacing:
        """The spacing of tried designs (N, length)."""
        scales = _scales(space, tried)
        points = _points(space, tried, scales)
        _, first = np.unique(numbered(tried), return_index=True)
        drawn = np.random.default_rng([seed, 5]).permutation(len(first))[:ASKED]
        near = _nearest_other(points[first], drawn)
        unit = float(np.median(near)) if len(near) else 1.0
        unit = unit if unit > 0 else 1.0
        reach = float(np.quantile(near, REACH)) / unit if len(near) else 1.0
        return cls(space, scales, points, unit, max(1.0, reach))

    def to_points(self, x: NDArray[Any]) -> Values:
        """Designs (n, length) as points (n, d), a spacing 1 apart."""
        return _points(self.space, x, self.scales) / self.unit

    def moved(self, x: NDArray[Any], rng: np.random.Generator, radius: float) -> Values:
        """Designs (n, length) whose numbers are moved at random, by at most `radius` spacings, whatever the space."""
        places = np.flatnonzero(self.space.numbers)
        step = rng.normal(size=(len(x), len(places)))
        length = radius * self.unit * rng.random((len(x), 1)) ** (1 / len(places))
        step *= length / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)
        made = x.astype(np.float64)
        for one, place in zip(step.T * self.scales[places, None], places, strict=True):
            number = self.space.number(self.space.columns[self.space.names.index(self.space.named(int(place)))])
            logged = number is not None and _logged(number)
            made[:, place] = made[:, place] * np.exp(one) if logged else made[:, place] + one
        return made

    def nearest(self, x: NDArray[Any]) -> Near:
        """The nearest tried design of each of the designs (n, length)."""
        wanted = _points(self.space, x, self.scales)
        parts = [_nearest(part, self.points) for part in _split(wanted, len(self.points))]
        far = np.concatenate([one for one, _ in parts]) if parts else np.zeros(0)
        place = np.concatenate([one for _, one in parts]) if parts else np.zeros(0, dtype=np.int64)
        return Near(far / self.unit, place)


def _scales(space: Space, tried: NDArray[Any]) -> Values:
    scales = np.ones(space.length)
    for column in space.columns:
        number, place = space.number(column), space.place(column.name).start
        if number is not None:
            spread = float(_amounts(number, tried[:, place : place + 1]).std())
            # A column that never varied: moving it across its range counts like four standard deviations.
            scales[place] = spread if spread > 0 else number.scale / 4
    return scales


def _amounts(number: Number, x: NDArray[Any]) -> Values:
    return np.log(np.maximum(x, 1e-300)) if _logged(number) else x.astype(np.float64)


def _logged(number: Number) -> bool:
    return number.log and number.bounds[0] > 0


def _points(space: Space, x: NDArray[Any], scales: Values) -> Values:
    parts = [_point(space, column, part, scales) for column, part in space.parts(x)]
    return np.concatenate(parts, axis=1)


def _point(space: Space, column: Column, part: NDArray[Any], scales: Values) -> Values:
    number = space.number(column)
    if number is not None:
        return np.asarray(_amounts(number, part) / scales[space.place(column.name).start])
    inner = column.of if isinstance(column, Fixed) else column
    codes = inner.codes if isinstance(inner, Sequence) else len(inner.known) if isinstance(inner, Category) else 1
    # Two corners of this simplex are 1 apart.
    corners = np.eye(codes) / np.sqrt(2)
    return np.asarray(corners[part.astype(np.int64)].reshape(len(part), -1))


def _nearest_other(points: Values, drawn: NDArray[np.int64]) -> Values:
    """The distances of some of the points (n, d), by their places, to the nearest other one."""
    if len(points) < 2:
        return np.zeros(0)
    parts = []
    for places in _split(drawn, len(points)):
        far = cdist(points[places], points)
        far[np.arange(len(places)), places] = np.inf
        parts.append(far.min(1))
    return np.concatenate(parts)


def _nearest(x: Values, points: Values) -> tuple[Values, NDArray[np.int64]]:
    far = cdist(x, points)
    place = far.argmin(1)
    return far[np.arange(len(x)), place], place.astype(np.int64)


def _split(x: NDArray[Any], others: int) -> list[NDArray[Any]]:
    """Points, or their places, in parts whose distances to so many others fit into memory."""
    size = max(1, CELLS // max(1, others))
    return [x[start : start + size] for start in range(0, len(x), size)]
