"""Candidates that climb the proxy by its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, cast

import torch
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.functional.optim import Adam, AdamState
from mbo_core.stages import (
    CANDIDATES,
    PREDICTION,
    Ability,
    Data,
    Info,
    Key,
    Objective,
    Prediction,
    Proxy,
    State,
    Update,
    WithMembers,
    check_starts,
    option,
    stage_option,
    top,
)
from mbo_grad_ascent.ascent import ascend, direction, slope_of


class AscentState(NamedTuple):
    """The candidates, and what they climb."""

    x: Tensor
    """(candidates, d)"""
    proxy: Any
    """the trained proxy's state"""
    objective: State
    moments: AdamState | tuple[()]
    """Adam's, or nothing for plain steps"""


@dataclass(frozen=True, kw_only=True)
class GradientAscent(Update):
    """The best designs in the data, moved by gradient steps up an objective: by default the proxy's predicted score.

    Released code: its aggregation `mean` computes the minimum over the members, so that the published "Grad. Mean"
    repeats "Grad. Min". Here `mean` is the mean, and `mean-as-published` the released minimum.
    """

    proxy: Proxy = stage_option("the proxy to climb")
    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)
    steps: int = option(200, "number of steps, T", at_least=0)
    step_size: float = option(
        0.01, "plain steps: before the factor sqrt(d), eta_0; Adam: its learning rate", at_least=0.0, discrete=2.0
    )
    optimiser: Literal["plain", "adam"] = option(
        "plain", "raw gradients without momentum, as published, or Adam on the designs"
    )
    objective: Objective = stage_option("what is climbed", PREDICTION)
    aggregation: Literal["mean", "min", "one", "mean-as-published"] = option(
        "mean", "the score to climb: the proxy's mean, the smallest member for each design, or the first member"
    )
    entropy_weight: float = option(0.0, "weight of the distance between candidates, c_ent; 0 in all published runs")

    name: ClassVar[str] = "gradient-ascent"
    infos: ClassVar[Mapping[str, str]] = {
        "predicted": "the mean over candidates of the score that is climbed, before the step",
    }

    def __post_init__(self) -> None:
        """Refuse an objective that needs a standard deviation where the smallest member has none."""
        if self.aggregation not in {"mean", "one"} and "uncertainty" in self.objective.needs:
            raise ValueError(
                f'aggregation="{self.aggregation}" has no standard deviation, which "{self.objective.name}" needs'
            )

    @property
    def needs(self) -> frozenset[Ability]:
        """Gradients, and what the objective needs; members to take the smallest or the first of."""
        needed: frozenset[Ability] = self.objective.needs | {"order", "gradients"}
        return needed if self.aggregation == "mean" else needed | {"members"}

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates."""
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """The number of steps."""
        return self.steps

    def init(self, key: Key, data: Data, proxy_state: Any) -> AscentState:
        """The best designs in the data."""
        x = top(data, self.candidates)
        moments = self._adam.init(x) if self.optimiser == "adam" else ()
        return AscentState(x, proxy_state, self.objective.init(key, data), moments)

    def step(self, key: Key, state: AscentState, data: Data, number: int) -> tuple[AscentState, Info]:
        """One gradient step for each candidate."""
        slope = slope_of(lambda x: self.score(state, x))
        x, moments = self._moved(key, slope, state)
        info = {"predicted": self.score(state, state.x).mean()}
        return state._replace(x=data.space.project(x), moments=moments), info

    def designs(self, state: AscentState) -> Tensor:
        """The current candidates."""
        return state.x

    def score(self, state: AscentState, x: Tensor) -> Tensor:
        """The objective, (n, d) to (n,)."""
        return self.objective.score(state.objective, x, self.prediction(state.proxy, x))

    def prediction(self, proxy_state: Any, x: Tensor) -> Prediction:
        """The aggregated prediction for designs (n, d)."""
        if self.aggregation == "mean":
            return self.proxy.predict(proxy_state, x)
        means, stds = cast(WithMembers, self.proxy).predict_members(proxy_state, x)
        if self.aggregation == "one":
            return Prediction(means[0], stds[0])
        # amin shares the gradient among members that tie.
        return Prediction(means.amin(0), torch.zeros_like(stds[0]))

    def _moved(
        self, key: Key, slope: Callable[[Tensor], Tensor], state: AscentState
    ) -> tuple[Tensor, AdamState | tuple[()]]:
        if not isinstance(state.moments, AdamState):
            return ascend(slope, state.x, self.step_size, 1, self.entropy_weight, key), ()
        rise = direction(slope, state.x, self.entropy_weight, keys.fold_in(key, 0)).detach()
        return self._adam.step(state.x, -rise, state.moments)

    @property
    def _adam(self) -> Adam:
        return Adam(self.step_size)
