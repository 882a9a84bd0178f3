"""Reference partners: a proxy with every ability, searches, and an adversary for each kind of move.

They exist to check other stages with, and recipes cannot name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import optree
import torch
from torch import Tensor
from torch.func import grad, grad_and_value, vmap

from mbo_core.functional import batches, keys
from mbo_core.functional.nets import MLP, Layers
from mbo_core.functional.optim import Adam, AdamState
from mbo_core.stages.abilities import ABILITIES, Ability, Moves
from mbo_core.stages.baselines import check_starts, top
from mbo_core.stages.contracts import Adversary, Proxy, Update
from mbo_core.stages.data import Batch, Data, Info, Key, Mined, Model, Prediction, Schedule, State
from mbo_core.stages.objective import PREDICTION, Objective
from mbo_core.stages.options import option, stage_option
from mbo_core.testing.tiny_tasks import CANDIDATES

MEMBERS = 2
NET = MLP(hidden=(8,), outputs=1, activation="softplus")
NOISE = 0.1
"""The standard deviation of each prediction, in addition to that between members."""


class AbleState(NamedTuple):
    """Weights with a leading member axis, Adam's moments, and what the adversary keeps."""

    params: Layers
    optimiser: AdamState
    adversary: State


@dataclass(frozen=True, kw_only=True)
class AbleProxy(Proxy):
    """A small ensemble under squared error that has every ability and trains against every move."""

    adversary: Adversary = stage_option("what it is trained against")

    name: ClassVar[str] = "able"
    abilities: ClassVar[frozenset[Ability]] = ABILITIES
    trains_against: ClassVar[frozenset[Moves]] = frozenset({"designs", "weights"})

    def schedule(self, data: Data) -> Schedule:
        """A few steps."""
        return Schedule(epochs=1, batch_size=18)

    def init(self, key: Key, data: Data) -> AbleState:
        """Independent weights for each member."""
        member_keys = keys.split(keys.fold_in(key, 0), MEMBERS)
        params = vmap(lambda member: NET.init(member, data.x.shape[1]))(member_keys)
        return AbleState(params, Adam(0.01).init(params), self.adversary.init(keys.fold_in(key, 1), data))

    def step(self, key: Key, state: AbleState, batch: Batch) -> tuple[AbleState, Info]:
        """One step of Adam where the adversary moved the weights to, away from the designs that it found."""
        start = Mined(state.params, batch.x)
        mined, adversary = self.adversary.mine(key, state.adversary, self.model(state), start, batch)

        def loss(params: Layers) -> Tensor:
            overestimation = batch.w * (_means(params, mined.x) - _means(params, batch.x))
            return self._loss(params, batch) + 0.1 * overestimation.mean()

        grads, value = grad_and_value(loss)(mined.params)
        return AbleState(*Adam(0.01).step(state.params, grads, state.optimiser), adversary), {"loss": value}

    def predict(self, state: AbleState, x: Tensor) -> Prediction:
        """Mean and standard deviation of the mixture."""
        return self._predict(state.params, x)

    def predict_members(self, state: AbleState, x: Tensor) -> Prediction:
        """Each member's mean, (members, n)."""
        means = _means(state.params, x)
        return Prediction(means, torch.full_like(means, NOISE))

    def model(self, state: AbleState) -> Model:
        """Prediction of the mixture and the members' mean loss as functions of the weights."""
        return Model(self._predict, self._loss)

    def _predict(self, params: Layers, x: Tensor) -> Prediction:
        means = _means(params, x)
        return Prediction(means.mean(0), (NOISE**2 + means.var(0, correction=0)).sqrt())

    def _loss(self, params: Layers, batch: Batch) -> Tensor:
        losses: Tensor = vmap(_member_loss, in_dims=(0, batches.member_axes(batch)))(params, batch)
        return losses.mean()


def _member(params: Layers, x: Tensor) -> Tensor:
    return NET.apply(params, x).squeeze(-1)


def _means(params: Layers, x: Tensor) -> Tensor:
    return vmap(_member, in_dims=(0, 0 if x.ndim == 3 else None))(params, x)


def _member_loss(params: Layers, batch: Batch) -> Tensor:
    return (batch.w * (_member(params, batch.x) - batch.y) ** 2).mean()


@dataclass(frozen=True, kw_only=True)
class ShiftDesigns(Adversary):
    """Moves designs by one step up the prediction."""

    name: ClassVar[str] = "shift-designs"
    moves: ClassVar[frozenset[Moves]] = frozenset({"designs"})

    def init(self, key: Key, data: Data) -> tuple[()]:
        """No state."""
        return ()

    def mine(self, key: Key, state: State, model: Model, start: Mined, batch: Batch) -> tuple[Mined, State]:
        """The designs, one step up."""
        x = start.x + 0.1 * model.input_gradient(start.params, start.x)
        return start._replace(x=batch.project(x).detach()), state


@dataclass(frozen=True, kw_only=True)
class ShiftWeights(Adversary):
    """Moves weights by one step up the loss."""

    name: ClassVar[str] = "shift-weights"
    moves: ClassVar[frozenset[Moves]] = frozenset({"weights"})

    def init(self, key: Key, data: Data) -> tuple[()]:
        """No state."""
        return ()

    def mine(self, key: Key, state: State, model: Model, start: Mined, batch: Batch) -> tuple[Mined, State]:
        """The weights, one step up."""
        slopes = grad(lambda params: model.loss(params, batch))(start.params)
        moved = optree.tree_map(lambda leaf, slope: (leaf + 0.01 * slope).detach(), start.params, slopes)
        return start._replace(params=moved), state


SHIFTS: dict[Moves, type[Adversary]] = {"designs": ShiftDesigns, "weights": ShiftWeights}
"""An adversary for each kind of move."""


class SearchState(NamedTuple):
    """The candidates, and the proxy that scores them."""

    x: Tensor
    proxy: Any
    objective: State = ()


@dataclass(frozen=True, kw_only=True)
class KeepBetter(Update):
    """Changes each candidate at random, and keeps a change that the proxy scores higher."""

    proxy: Proxy = stage_option("what judges")
    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)

    name: ClassVar[str] = "keep-better"
    infos: ClassVar[Mapping[str, str]] = {"predicted": "the mean prediction of the candidates"}

    @property
    def needs(self) -> frozenset[Ability]:
        """Values."""
        return frozenset({"order"})

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates."""
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """Two steps."""
        return 2

    def init(self, key: Key, data: Data, proxy_state: Any) -> SearchState:
        """The best designs in the data."""
        return SearchState(top(data, self.candidates), proxy_state)

    def step(self, key: Key, state: SearchState, data: Data, number: int) -> tuple[SearchState, Info]:
        """One change of each candidate."""
        x = data.space.project(state.x + 0.1 * keys.normal(key, state.x.shape))
        before, after = (self.proxy.predict(state.proxy, designs).mean for designs in (state.x, x))
        return state._replace(x=torch.where((after > before)[:, None], x, state.x)), {"predicted": after.mean()}

    def designs(self, state: SearchState) -> Tensor:
        """The candidates."""
        return state.x


@dataclass(frozen=True, kw_only=True)
class Climb(Update):
    """Moves each candidate up the slope of an objective."""

    proxy: Proxy = stage_option("predicts what is climbed")
    objective: Objective = stage_option("what is climbed", PREDICTION)
    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)

    name: ClassVar[str] = "climb"
    infos: ClassVar[Mapping[str, str]] = {"predicted": "the summed score of the candidates, before the step"}

    @property
    def needs(self) -> frozenset[Ability]:
        """An order and its gradients, and what the objective needs."""
        return self.objective.needs | {"order", "gradients"}

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates."""
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """Two steps."""
        return 2

    def init(self, key: Key, data: Data, proxy_state: Any) -> SearchState:
        """The best designs in the data."""
        return SearchState(top(data, self.candidates), proxy_state, self.objective.init(key, data))

    def step(self, key: Key, state: SearchState, data: Data, number: int) -> tuple[SearchState, Info]:
        """One step up."""

        def total(x: Tensor) -> Tensor:
            return self.objective.score(state.objective, x, self.proxy.predict(state.proxy, x)).sum()

        slope, value = grad_and_value(total)(state.x)
        # Detached: the gradient of a torch module still depends on its weights.
        return state._replace(x=data.space.project(state.x + 0.05 * slope.detach())), {"predicted": value}

    def designs(self, state: SearchState) -> Tensor:
        """The candidates."""
        return state.x
