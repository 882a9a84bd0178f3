"""The proxy of RoMA: a smooth network, trained on noisy designs with adversarially moved weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor
from torch.func import grad_and_value

from mbo_core.functional import keys
from mbo_core.functional.nets import GaussianMLP, gaussian_nll
from mbo_core.functional.optim import Adam, AdamState, clip_by_norm
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
from mbo_roma.nets import ResidualMLP


class SmoothState(NamedTuple):
    """Weights, the optimiser's moments, and the adversary's state."""

    params: Any
    """`GaussianParams` or, under squared error, `ResidualParams`."""
    optimiser: AdamState
    adversary: State


@dataclass(frozen=True, kw_only=True)
class Smooth(Proxy):
    """One softplus network that predicts a mean and a bounded standard deviation, trained on noisy designs.

    Yu, Ahn, Song and Shin, "RoMA", NeurIPS 2021 (arXiv:2110.14188), stage 1: with `x~ = x + 0.2 z` drawn once a
    batch, the adversary moves the weights on (x~, y), the gradient is taken there, each of its tensors is clipped,
    and Adam steps from the weights unmoved. Softplus, because `local-adaptation` differentiates the input gradient.

    Released code against paper: the loss is a Gaussian likelihood whose standard deviation starts within 0.1 and 0.3
    and whose bounds are trained with the weights, where the paper has a squared error (`loss = "squared"`: the standard
    deviation is then the root mean square of recent errors, the same for all designs). The adversary moves weights,
    never the bounds: the released rule, a leading dimension above 1, leaves them out.
    """

    adversary: Adversary = stage_option("moves the weights to where the loss is highest")
    loss: Literal["nll", "squared"] = option(
        "nll", 'Gaussian negative log-likelihood as in the released code, or "squared" error as in the paper'
    )
    bounds: Literal["trained", "frozen"] = option(
        "trained", "whether the bounds of the standard deviation are trained, or stay at 0.1 and 0.2"
    )
    input_noise: float = option(
        0.2, "std of normal noise added to the designs, once a batch: mining and gradient share it", at_least=0.0
    )
    clip_norm: float = option(1.0, "largest norm of each tensor's gradient", above=0.0)
    hidden: tuple[int, ...] = option((64, 64), "width of each hidden layer", at_least=1)
    learning_rate: float = option(1e-3, "of Adam", at_least=0.0)
    epochs: int = option(50, "passes over the training rows; 50 to 200 by task", at_least=0)
    steps: int | None = steps_option()
    batch_size: int = option(128, "rows per step; an epoch's incomplete last batch is left out", at_least=1)
    held_out: int = option(
        200, "rows set aside at random and not trained on; 500 on Superconductor", at_least=0, share=HELD_OUT
    )
    keep: Keep = keep_option()
    refit: bool = refit_option()

    name: ClassVar[str] = "smooth"
    infos: ClassVar[Mapping[str, str]] = {
        "loss": "the training loss where the adversary moved the weights to",
        "loss_before": "under an adversary that moves weights: the loss at the original weights",
    }
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "gradients", "uncertainty", "partial_fit", "params"})
    trains_against: ClassVar[frozenset[Moves]] = frozenset({"weights"})

    def schedule(self, data: Data) -> Schedule:
        """Whole batches."""
        return schedule_of(self, drop_last=True)

    def init(self, key: Key, data: Data) -> SmoothState:
        """Glorot-uniform weights; the biases start at 0, so the adversary does not move them in the first step."""
        params = self._net.init(keys.fold_in(key, 0), data.x.shape[1])
        adversary = self.adversary.init(keys.fold_in(key, 1), data)
        return SmoothState(params, self._adam.init(params), adversary)

    def step(self, key: Key, state: SmoothState, batch: Batch) -> tuple[SmoothState, Info]:
        """Mine on the noisy batch, take the gradient there, and step from the weights unmoved."""
        noise_key, mine_key = keys.split(key)
        batch = batch._replace(x=batch.x + self.input_noise * keys.normal(noise_key, batch.x.shape))
        start = Mined(state.params, batch.x)
        mined, adversary = self.adversary.mine(mine_key, state.adversary, self.model(state), start, batch)
        grads, loss = grad_and_value(self._loss)(mined.params, batch)
        info = {"loss": loss}
        if self.adversary.moves:
            info["loss_before"] = self._loss(state.params, batch)
        return self._stepped(state._replace(adversary=adversary), grads, loss), info

    def predict(self, state: SmoothState, x: Tensor) -> Prediction:
        """Mean and standard deviation."""
        return self._net.apply(state.params, x)

    def model(self, state: SmoothState) -> Model:
        """Prediction and loss as functions of the weights."""
        return Model(self._net.apply, self._loss)

    @property
    def _net(self) -> GaussianMLP | ResidualMLP:
        if self.loss == "squared":
            return ResidualMLP(self.hidden)
        return GaussianMLP(self.hidden, "softplus", bounds=self.bounds)

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate)

    def _loss(self, params: Any, batch: Batch) -> Tensor:
        prediction = self._net.apply(params, batch.x)
        squared = self.loss == "squared"
        rows = (prediction.mean - batch.y) ** 2 if squared else gaussian_nll(prediction, batch.y)
        return (batch.w * rows).mean()

    def _stepped(self, state: SmoothState, grads: Any, loss: Tensor) -> SmoothState:
        params, optimiser = self._adam.step(state.params, clip_by_norm(grads, self.clip_norm), state.optimiser)
        if isinstance(self._net, ResidualMLP):
            params = self._net.observe(params, loss)
        return SmoothState(params, optimiser, state.adversary)
