"""Objectives for an ascent: a lower confidence bound, a discount for the distance to the data, and sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import PREDICTION, Ability, Data, Key, Objective, Prediction, State, option, stage_option

SMALL = 1e-12
"""Added to a squared distance before the root, whose derivative at 0 is infinite."""


@dataclass(frozen=True, kw_only=True)
class LowerBound(Objective):
    """A lower confidence bound: the proxy's mean less so many of its standard deviations."""

    deviations: float = option(1.0, "number of standard deviations, k", at_least=0.0)

    name: ClassVar[str] = "lower-bound"

    @property
    def needs(self) -> frozenset[Ability]:
        """An order with its uncertainty."""
        return frozenset({"order", "uncertainty"})

    def score(self, state: State, x: Tensor, prediction: Prediction) -> Tensor:
        """`mean - k * std`."""
        return prediction.mean - self.deviations * prediction.std


@dataclass(frozen=True, kw_only=True)
class NearData(Objective):
    """The proxy's prediction less a discount for the distance to the nearest rows of the data."""

    weight: float = option(1.0, "of the distance, in standardised scores per encoded unit", at_least=0.0)
    neighbours: int = option(5, "number of nearest rows, k, whose distances are averaged", at_least=1)
    rows: int = option(5000, "number of rows to look among, drawn at random; all if fewer", at_least=1)

    name: ClassVar[str] = "near-data"

    @property
    def needs(self) -> frozenset[Ability]:
        """Scores, as a distance is weighed against them."""
        return frozenset({"values"})

    def init(self, key: Key, data: Data) -> Tensor:
        """The rows (m, d) to look among."""
        return data.x[keys.permutation(key, len(data.y))[: self.rows]]

    def score(self, state: Tensor, x: Tensor, prediction: Prediction) -> Tensor:
        """`mean - weight * distance`."""
        return prediction.mean - self.weight * self.distance(state, x)

    def distance(self, rows: Tensor, x: Tensor) -> Tensor:
        """The mean distance (n,) to the nearest rows: the root mean square difference over the coordinates."""
        apart = x[:, None] - rows[self._nearest(rows, x.detach())]
        return (apart.square().mean(2) + SMALL).sqrt().mean(1)

    def _nearest(self, rows: Tensor, x: Tensor) -> Tensor:
        """The numbers (n, k) of the nearest rows."""
        squares = rows.square().sum(1) - 2 * x @ rows.T
        return squares.topk(min(self.neighbours, len(rows)), largest=False).indices


class Parts(NamedTuple):
    """The states of the parts of a sum."""

    first: State
    second: State


@dataclass(frozen=True, kw_only=True)
class Sum(Objective):
    """A weighted sum of two objectives; each may be a sum."""

    first: Objective = stage_option("the first part", PREDICTION)
    second: Objective = stage_option("the second part", PREDICTION)
    first_weight: float = option(1.0, "weight of the first part")
    second_weight: float = option(1.0, "weight of the second part")

    name: ClassVar[str] = "sum"

    @property
    def needs(self) -> frozenset[Ability]:
        """What the parts need."""
        return self.first.needs | self.second.needs

    def init(self, key: Key, data: Data) -> Parts:
        """The states of the parts."""
        first, second = keys.split(key)
        return Parts(self.first.init(first, data), self.second.init(second, data))

    def score(self, state: Parts, x: Tensor, prediction: Prediction) -> Tensor:
        """The weighted sum of their scores."""
        first = self.first.score(state.first, x, prediction)
        return self.first_weight * first + self.second_weight * self.second.score(state.second, x, prediction)
