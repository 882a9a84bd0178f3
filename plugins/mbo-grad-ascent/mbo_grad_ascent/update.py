"""Candidates that climb the proxy by its gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, cast

from torch import Tensor

from mbo_core.stages import (
    CANDIDATES,
    Ability,
    Data,
    Info,
    Key,
    Proxy,
    Update,
    WithMembers,
    check_starts,
    option,
    stage_option,
    top,
)
from mbo_grad_ascent.ascent import ascend, slope_of


class AscentState(NamedTuple):
    """The candidates, and the trained proxy that they climb."""

    x: Tensor
    proxy: Any


@dataclass(frozen=True, kw_only=True)
class GradientAscent(Update):
    """The best designs in the data, moved by plain gradient steps on the proxy's predicted score.

    Released code: its aggregation `mean` computes the minimum over the members, so that the published "Grad. Mean"
    repeats "Grad. Min". Here `mean` is the mean, and `mean-as-published` the released minimum.
    """

    proxy: Proxy = stage_option("the proxy to climb")
    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)
    steps: int = option(200, "number of steps, T", at_least=0)
    step_size: float = option(
        0.01, "step before the factor sqrt(d), eta_0; raw gradients, no momentum", at_least=0.0, discrete=2.0
    )
    aggregation: Literal["mean", "min", "one", "mean-as-published"] = option(
        "mean", "the score to climb: the proxy's mean, the smallest member for each design, or the first member"
    )
    entropy_weight: float = option(0.0, "weight of the distance between candidates, c_ent; 0 in all published runs")

    name: ClassVar[str] = "gradient-ascent"
    infos: ClassVar[Mapping[str, str]] = {
        "predicted": "the mean over candidates of the score that is climbed, before the step",
    }

    @property
    def needs(self) -> frozenset[Ability]:
        """Gradients; members to take the smallest or the first of."""
        needed: frozenset[Ability] = frozenset({"order", "gradients"})
        return needed if self.aggregation == "mean" else needed | {"members"}

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates."""
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """The number of steps."""
        return self.steps

    def init(self, key: Key, data: Data, proxy_state: Any) -> AscentState:
        """The best designs in the data."""
        return AscentState(top(data, self.candidates), proxy_state)

    def step(self, key: Key, state: AscentState, data: Data, number: int) -> tuple[AscentState, Info]:
        """One gradient step for each candidate."""
        slope = slope_of(lambda x: self.score(state.proxy, x))
        x = data.space.project(ascend(slope, state.x, self.step_size, 1, self.entropy_weight, key))
        return state._replace(x=x), {"predicted": self.score(state.proxy, state.x).mean()}

    def designs(self, state: AscentState) -> Tensor:
        """The current candidates."""
        return state.x

    def score(self, proxy_state: Any, x: Tensor) -> Tensor:
        """The score to climb, (n, d) to (n,)."""
        if self.aggregation == "mean":
            return self.proxy.predict(proxy_state, x).mean
        means = cast(WithMembers, self.proxy).predict_members(proxy_state, x).mean
        # amin shares the gradient among members that tie.
        return means[0] if self.aggregation == "one" else means.amin(0)
