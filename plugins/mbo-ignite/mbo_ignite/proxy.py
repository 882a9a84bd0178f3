"""The proxy of IGNITE: a network whose mean prediction hardly rises when its weights are moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import optree
import torch
from torch import Tensor
from torch.func import grad

from mbo_core.functional import keys
from mbo_core.functional.nets import Activation, GaussianMLP, GaussianParams, gaussian_nll
from mbo_core.functional.optim import Adam, AdamState
from mbo_core.stages import (
    HELD_OUT,
    Ability,
    Adversary,
    Batch,
    Data,
    Info,
    Keep,
    Key,
    Mined,
    Model,
    Moves,
    Prediction,
    Proxy,
    Schedule,
    State,
    keep_option,
    option,
    refit_option,
    schedule_of,
    stage_option,
    steps_option,
)


class SharpnessState(NamedTuple):
    """Weights, the optimiser's moments, the multiplier, and the adversary's state."""

    params: GaussianParams
    optimiser: AdamState
    multiplier: Tensor
    """() lambda"""
    adversary: State


@dataclass(frozen=True, kw_only=True)
class LowSharpness(Proxy):
    """One probabilistic network, trained on its likelihood and against the sharpness of its mean prediction.

    Dao, Nguyen, Truong and Hoang, "Incorporating surrogate gradient norm to improve offline optimization techniques"
    (IGNITE), NeurIPS 2024 (arXiv:2503.04242). With G the mean prediction on a batch, and d the way by which the
    adversary moves the weights theta,

        sharpness = G(theta + d) - G(theta),   the weights minimise loss(theta) + lambda * sharpness,   d constant.

    The loss is taken at theta; proxies such as `regression` take it where the adversary moved the weights to. Under
    `mean-ascent` the term's gradient is the finite difference that the released code uses for `r |grad G|`. The
    published radius rho is always its length r: another one would only rescale lambda and the limit.

    IGNITE-2 has a fixed lambda. IGNITE moves it by `lambda <- max(0, lambda + rate * (sharpness - limit))`.
    """

    adversary: Adversary = stage_option("moves the weights to where the mean prediction rises")
    multiplier: float = option(0.01, "weight of the sharpness, lambda; the first one if it is moved", at_least=0.0)
    sharpness_limit: float = option(
        0.1, "what sharpness is to stay below, epsilon, in standardised scores; counts only where lambda is moved"
    )
    multiplier_learning_rate: float = option(0.0, "of lambda, eta; 0 fixes it", at_least=0.0)
    bootstrap: bool = option(True, "train on rows drawn with replacement, once")
    hidden: tuple[int, ...] = option((2048, 2048), "width of each hidden layer", at_least=1)
    activation: Activation = option("leaky-relu", "of the hidden layers; the leaky slope is 0.3")
    bounds: Literal["trained", "frozen"] = option("trained", "whether the bounds of the std head are trained")
    learning_rate: float = option(3e-4, "of Adam", at_least=0.0)
    epochs: int = option(100, "passes over the training rows", at_least=0)
    steps: int | None = steps_option()
    batch_size: int = option(128, "rows per step", at_least=1)
    held_out: int = option(200, "rows set aside at random and not trained on", at_least=0, share=HELD_OUT)
    keep: Keep = keep_option()
    refit: bool = refit_option()

    name: ClassVar[str] = "low-sharpness"
    infos: ClassVar[Mapping[str, str]] = {
        "loss": "the negative log-likelihood, without the sharpness",
        "sharpness": "how far the mean prediction rises where the adversary moves the weights to",
        "multiplier": "lambda, the weight of the sharpness",
    }
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "gradients", "uncertainty", "partial_fit", "params"})
    trains_against: ClassVar[frozenset[Moves]] = frozenset({"weights"})

    def schedule(self, data: Data) -> Schedule:
        """Batches of all rows that are not held out, with a bootstrap."""
        return schedule_of(self, bootstrap=self.bootstrap)

    def init(self, key: Key, data: Data) -> SharpnessState:
        """Glorot-uniform weights, and the initial multiplier."""
        params = self._net.init(keys.fold_in(key, 0), data.x.shape[1])
        multiplier = torch.full_like(params["upper"], self.multiplier)
        adversary = self.adversary.init(keys.fold_in(key, 1), data)
        return SharpnessState(params, self._adam.init(params), multiplier, adversary)

    def step(self, key: Key, state: SharpnessState, batch: Batch) -> tuple[SharpnessState, Info]:
        """Mine, then one step of Adam and one of the multiplier, both at the same weights."""
        start = Mined(state.params, batch.x)
        mined, adversary = self.adversary.mine(key, state.adversary, self.model(state), start, batch)
        slopes = grad(self._objective, argnums=(0, 1), has_aux=True)
        (here, there), info = slopes(state.params, mined.params, batch, state.multiplier)
        # Both are taken as functions of theta, of which the moved weights are theta + d.
        grads = optree.tree_map(torch.add, here, there)
        params, optimiser = self._adam.step(state.params, grads, state.optimiser)
        moved = state.multiplier + self.multiplier_learning_rate * (info["sharpness"] - self.sharpness_limit)
        return SharpnessState(params, optimiser, moved.clamp(min=0), adversary), info

    def predict(self, state: SharpnessState, x: Tensor) -> Prediction:
        """Mean and standard deviation."""
        return self._net.apply(state.params, x)

    def model(self, state: SharpnessState) -> Model:
        """Prediction and loss as functions of the weights."""
        return Model(self._net.apply, lambda params, batch: _nll(self._net.apply(params, batch.x), batch))

    @property
    def _net(self) -> GaussianMLP:
        return GaussianMLP(self.hidden, self.activation, self.bounds)

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate)

    def _objective(
        self, here: GaussianParams, there: GaussianParams, batch: Batch, multiplier: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        prediction, moved = self._net.apply(here, batch.x), self._net.apply(there, batch.x)
        loss = _nll(prediction, batch)
        sharpness = (batch.w * (moved.mean - prediction.mean)).mean()
        info = {"loss": loss, "sharpness": sharpness, "multiplier": multiplier}
        return loss + multiplier * sharpness, info


def _nll(prediction: Prediction, batch: Batch) -> Tensor:
    return (batch.w * gaussian_nll(prediction, batch.y)).mean()
