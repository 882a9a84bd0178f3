"""What an ascent climbs: the contract of an objective, and the default `prediction`.

An objective is a part of an update, which names it in a nested table. A third party's is offered like every stage, and
needs few lines: here the prediction less a penalty for the distance from the centre of the data::

    @dataclass(frozen=True, kw_only=True)
    class Centred(Objective):
        weight: float = option(1.0, "of the distance", at_least=0.0)

        name = "centred"
        needs = frozenset({"values"})

        def init(self, key, data):
            return data.x.mean(0)

        def score(self, state, x, prediction):
            return prediction.mean - self.weight * (x - state).square().mean(1)
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mbo_core.stages.abilities import Ability
from mbo_core.stages.contracts import Stage
from mbo_core.stages.data import Data, Key, Prediction, State


class Objective(Stage):
    """What an ascent climbs: a number for each design, the larger the better."""

    role: ClassVar[str] = "objective"

    @property
    @abstractmethod
    def needs(self) -> frozenset[Ability]:
        """The abilities it requires of the proxy, besides gradients; its update requires them in turn."""

    def init(self, key: Key, data: Data) -> State:
        """What it keeps of the data; by default nothing."""
        return ()

    @abstractmethod
    def score(self, state: State, x: Tensor, prediction: Prediction) -> Tensor:
        """The numbers (n,) of designs x (n, d), each by itself, differentiable in x.

        Args:
            state: from `init`.
            x: the encoded designs.
            prediction: of the proxy for x, itself a function of x.
        """


@dataclass(frozen=True, kw_only=True)
class PredictedScore(Objective):
    """The proxy's prediction."""

    name: ClassVar[str] = "prediction"

    @property
    def needs(self) -> frozenset[Ability]:
        """An order."""
        return frozenset({"order"})

    def score(self, state: State, x: Tensor, prediction: Prediction) -> Tensor:
        """The mean."""
        return prediction.mean


PREDICTION = PredictedScore()
"""For options that hold an objective: `objective: Objective = stage_option("what is climbed", PREDICTION)`."""
