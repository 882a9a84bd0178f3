"""The proxy of COMs: regression with a limit on the overestimation of mined designs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor
from torch.func import grad

from mbo_coms.multiplier import Multiplier, MultiplierState
from mbo_core.functional import keys
from mbo_core.functional.nets import Activation, Layers, PointMLP
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


class ConservativeState(NamedTuple):
    """Weights, the multiplier's logarithm, the moments of both optimisers, and the adversary's state."""

    params: Layers
    optimiser: AdamState
    log_multiplier: Tensor
    """() ln alpha"""
    dual_optimiser: AdamState
    adversary: State


@dataclass(frozen=True, kw_only=True)
class Conservative(Proxy):
    """One network under squared error, with its overestimation of mined designs held below a limit.

    Trabucco, Kumar, Geng and Levine, "Conservative objective models for effective offline model-based
    optimization", ICML 2021 (arXiv:2107.06882), by the released code's simultaneous primal and dual steps: with
    the overestimation `Delta_i = f(x_i^-) - f(x_i)` of the design that the adversary made of x_i,

    * the weights minimise `mean_i [(f(x_i) - y_i)^2 + alpha * Delta_i]`, alpha held constant;
    * ln alpha minimises `mean_i [alpha * limit - alpha * Delta_i]`, Delta held constant.

    A row's weight multiplies all of its terms. The paper has a factor 1/2 on the squared error, which the code has
    not: alpha here is twice the paper's. With the adversary `none` Delta is 0 and this is plain regression.
    """

    adversary: Adversary = stage_option("moves designs to where the network overestimates them")
    overestimation_limit: float = option(0.5, "tau, in standardised scores", discrete=2.0)
    initial_multiplier: float = option(0.1, "alpha before training; exactly 0 leaves it at 0", at_least=0.0)
    multiplier_learning_rate: float = option(0.01, "of Adam on ln alpha; 0 fixes alpha", at_least=0.0)
    input_noise: float = option(0.0, "std of normal noise added to the designs of a batch", at_least=0.0)
    hidden: tuple[int, ...] = option((2048, 2048), "width of each hidden layer", at_least=1)
    activation: Activation = option("relu", "of the hidden layers")
    learning_rate: float = option(3e-4, "of Adam on the weights", at_least=0.0)
    epochs: int = option(50, "passes over the training rows", at_least=0)
    steps: int | None = steps_option()
    batch_size: int = option(128, "rows per step", at_least=1)
    held_out: int = option(500, "rows set aside at random and not trained on", at_least=0, share=HELD_OUT)
    keep: Keep = keep_option()
    refit: bool = refit_option()

    name: ClassVar[str] = "conservative"
    infos: ClassVar[Mapping[str, str]] = {
        "loss": "the squared error, without the conservative term",
        "overestimation": "Delta: mean predicted score of the mined designs less that of the data",
        "multiplier": "alpha, the weight of the overestimation",
    }
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "gradients", "partial_fit", "params"})
    trains_against: ClassVar[frozenset[Moves]] = frozenset({"designs", "weights"})

    def schedule(self, data: Data) -> Schedule:
        """Batches of all rows that are not held out."""
        return schedule_of(self)

    def init(self, key: Key, data: Data) -> ConservativeState:
        """Glorot-uniform weights and the initial multiplier."""
        params = self._net.init(keys.fold_in(key, 0), data.x.shape[1])
        adversary = self.adversary.init(keys.fold_in(key, 1), data)
        return ConservativeState(params, self._adam.init(params), *self._multiplier.init(data.x.device), adversary)

    def step(self, key: Key, state: ConservativeState, batch: Batch) -> tuple[ConservativeState, Info]:
        """Mine, then one primal and one dual step, both taken at the same weights."""
        noise_key, mine_key = keys.split(key)
        if self.input_noise:
            batch = batch._replace(x=batch.x + self.input_noise * keys.normal(noise_key, batch.x.shape))
        start = Mined(state.params, batch.x)
        mined, adversary = self.adversary.mine(mine_key, state.adversary, self.model(state), start, batch)
        multiplier = self._multiplier.value(_of(state))
        grads, (loss, overestimation) = grad(self._primal, has_aux=True)(mined.params, batch, mined.x, multiplier)
        params, optimiser = self._adam.step(state.params, grads, state.optimiser)
        dual = self._multiplier.step(_of(state), overestimation, batch.w.mean())
        info = {"loss": loss, "overestimation": overestimation, "multiplier": multiplier}
        return ConservativeState(params, optimiser, *dual, adversary), info

    def predict(self, state: ConservativeState, x: Tensor) -> Prediction:
        """The network's output, without uncertainty."""
        return self._net.apply(state.params, x)

    def model(self, state: ConservativeState) -> Model:
        """Prediction, squared error and input gradient as functions of the weights."""
        return self._net.model()

    @property
    def _net(self) -> PointMLP:
        return PointMLP(self.hidden, self.activation)

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate)

    @property
    def _multiplier(self) -> Multiplier:
        return Multiplier(self.initial_multiplier, self.overestimation_limit, self.multiplier_learning_rate)

    def _primal(
        self, params: Layers, batch: Batch, mined: Tensor, multiplier: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        value = self._net.apply(params, batch.x).mean
        loss = (batch.w * (value - batch.y) ** 2).mean()
        overestimation = (batch.w * (self._net.apply(params, mined).mean - value)).mean()
        return loss + multiplier * overestimation, (loss, overestimation)


def _of(state: ConservativeState) -> MultiplierState:
    return MultiplierState(state.log_multiplier, state.dual_optimiser)
