"""The proxy of RaM: a network trained for the order of designs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, cast

import optree
import torch
from mbo_coms.multiplier import Multiplier, MultiplierState
from torch import Tensor
from torch.func import grad

from mbo_core.functional import keys
from mbo_core.functional.nets import MLP, Activation, Layer, Layers
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
    Params,
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
from mbo_ram.lists import Lists, cut, drawn
from mbo_ram.losses import Loss, mean_loss

CONSTANT = 1e-8
"""Predictions that vary less are constant, and are not scaled."""
ROWS_AT_ONCE = 8192


class RankingState(NamedTuple):
    """Weights, the moments of Adam, the multiplier, the adversary's state, and the scale of the output."""

    params: Layers
    optimiser: AdamState
    multiplier: MultiplierState
    adversary: State
    centre: Tensor
    """() mean prediction of the data, 0 before `finish`"""
    scale: Tensor
    """() its standard deviation, 1 before `finish`"""


@dataclass(frozen=True, kw_only=True)
class Ranking(Proxy):
    """One network trained by a loss on lists of designs: for their order, not for their scores.

    Tan et al., "Offline model-based optimization by learning to rank", ICLR 2025 (arXiv:2410.11502). After training its
    output is centred and scaled by its mean and standard deviation over all rows of the data (output adaptation), so
    that step sizes for standardised scores suit it.

    A batch has `lists * list_length` rows. They are cut into lists, or with `augment` each list is drawn from them.

    Under an adversary that moves weights the loss is taken at the moved weights. Under one that moves designs the
    weights also minimise `alpha * Delta`, where Delta is the overestimation of the moved designs, and alpha rises
    while Delta exceeds a limit, as in COMs. Delta is counted in standard deviations of the batch's predictions, but for
    ListNet in its own units, which are those of the scores.
    """

    adversary: Adversary = stage_option("the adversary to train against")
    loss: Loss = option("listnet", "the loss on a list")
    list_length: int = option(256, "rows of a list, m; 1000 in the paper", at_least=1)
    lists: int = option(1, "lists per step; 128 in the paper", at_least=1)
    augment: bool = option(
        False, "draw each list from all rows of the step (list augmentation), instead of cutting these into lists"
    )
    overestimation_limit: float = option(0.5, "tau, in standardised scores", discrete=2.0)
    initial_multiplier: float = option(0.1, "alpha before training; exactly 0 leaves it at 0", at_least=0.0)
    multiplier_learning_rate: float = option(0.01, "of Adam on ln alpha; 0 fixes alpha", at_least=0.0)
    hidden: tuple[int, ...] = option((2048, 2048), "width of each hidden layer", at_least=1)
    activation: Activation = option("relu", "of the hidden layers; the leaky slope is 0.3")
    learning_rate: float = option(3e-4, "of Adam", at_least=0.0)
    weight_decay: float = option(1e-5, "added to the gradient, times the weights", at_least=0.0)
    epochs: int = option(100, "passes over the training rows", at_least=0)
    steps: int | None = steps_option()
    held_out: int = option(0, "rows set aside at random and not trained on", at_least=0, share=HELD_OUT)
    keep: Keep = keep_option()
    refit: bool = refit_option()

    name: ClassVar[str] = "ranking"
    infos: ClassVar[Mapping[str, str]] = {
        "loss": "the loss on the lists, without the conservative term",
        "constant": "1 if the network predicts the same for all rows of the batch",
        "overestimation": "under an adversary that moves designs, Delta: their mean prediction less that of the data",
        "multiplier": "under such an adversary alpha, the weight of the overestimation",
    }
    notes: ClassVar[Mapping[str, str]] = {
        "constant": "the proxy is constant: it ranks no design above another",
    }
    abilities: ClassVar[frozenset[Ability]] = frozenset({"order", "gradients", "partial_fit", "params"})
    trains_against: ClassVar[frozenset[Moves]] = frozenset({"designs", "weights"})

    @property
    def batch_size(self) -> int:
        """Rows per step."""
        return self.lists * self.list_length

    def schedule(self, data: Data) -> Schedule:
        """Batches of all rows that are not held out."""
        return schedule_of(self)

    def init(self, key: Key, data: Data) -> RankingState:
        """Glorot-uniform weights and the initial multiplier."""
        params = self._net.init(keys.fold_in(key, 0), data.x.shape[1])
        adversary = self.adversary.init(keys.fold_in(key, 1), data)
        multiplier = self._multiplier.init(data.x.device)
        none = torch.zeros_like(params[-1]["bias"][0])
        return RankingState(params, self._adam.init(params), multiplier, adversary, none, none + 1)

    def step(self, key: Key, state: RankingState, batch: Batch) -> tuple[RankingState, Info]:
        """Mine, then one step of Adam and, under an adversary that moves designs, one of the multiplier."""
        draw_key, mine_key = keys.split(key)
        lists, start = self._lists(draw_key, batch), Mined(state.params, batch.x)
        model = self._model(state, lists)
        mined, adversary = self.adversary.mine(mine_key, state.adversary, model, start, batch)
        state = state._replace(adversary=adversary)
        multiplier = self._multiplier.value(state.multiplier)
        grads, info = grad(self._primal, has_aux=True)(mined.params, batch, mined.x, lists, multiplier)
        if "overestimation" in info:
            dual = self._multiplier.step(state.multiplier, info["overestimation"], batch.w.mean())
            state = state._replace(multiplier=dual)
        return self._stepped(state, grads), info

    def finish(self, key: Key, state: RankingState, data: Data) -> RankingState:
        """The mean and standard deviation of the output over all rows: the output adaptation."""
        parts = torch.split(data.x, ROWS_AT_ONCE)
        s = torch.cat([self._scores(state.params, part) for part in parts])
        share = data.w / data.w.sum()
        centre = (share * s).sum()
        scale = (share * (s - centre) ** 2).sum().sqrt()
        return state._replace(centre=centre, scale=torch.where(scale > CONSTANT, scale, 1.0))

    def predict(self, state: RankingState, x: Tensor) -> Prediction:
        """The scaled output, without uncertainty: larger is better, and otherwise it means nothing."""
        return self._predict(state, state.params, x)

    def model(self, state: RankingState) -> Model:
        """Prediction, loss on the batch as it is cut, and input gradient as functions of the weights."""
        return self._model(state, None)

    def _model(self, state: RankingState, lists: Lists | None) -> Model:
        return Model(
            lambda params, x: self._predict(state, params, x),
            lambda params, batch: self._loss(self._scores(params, batch.x), batch, lists),
            lambda params, x: self._net.input_gradient(params, x) / state.scale,
        )

    def _predict(self, state: RankingState, params: Layers, x: Tensor) -> Prediction:
        mean = (self._scores(params, x) - state.centre) / state.scale
        return Prediction(mean, torch.zeros_like(mean))

    def _scores(self, params: Layers, x: Tensor) -> Tensor:
        return self._net.apply(params, x).squeeze(-1)

    def _lists(self, key: Key, batch: Batch) -> Lists:
        count = len(batch.y)
        if self.augment:
            return drawn(key, count, self.lists, self.list_length)
        return cut(count, self.list_length, batch.y.device)

    def _loss(self, s: Tensor, batch: Batch, lists: Lists | None) -> Tensor:
        rows, there = lists or cut(len(s), self.list_length, s.device)
        return mean_loss(self.loss, s[rows], batch.y[rows], batch.w[rows] * there)

    def _primal(
        self, params: Layers, batch: Batch, moved: Tensor, lists: Lists, multiplier: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        s = self._scores(params, batch.x)
        loss = self._loss(s, batch, lists)
        constant = (s.std(correction=0) < CONSTANT) & (len(s) > 1)
        info = {"loss": loss, "constant": constant.to(s.dtype)}
        if "designs" not in self.adversary.moves:
            return loss, info
        rise = (self._scores(params, moved) - s) / self._unit(s)
        overestimation = (batch.w * rise).mean()
        info |= {"overestimation": overestimation, "multiplier": multiplier}
        return loss + multiplier * overestimation, info

    def _unit(self, s: Tensor) -> Tensor:
        """What an overestimation is counted in."""
        return torch.ones_like(s[0]) if self.loss == "listnet" else s.detach().std(correction=0).clamp(min=CONSTANT)

    def _stepped(self, state: RankingState, grads: Layers) -> RankingState:
        # No loss depends on the last bias: its gradient is rounding, of which Adam would make full steps.
        last: Layer = {**grads[-1], "bias": torch.zeros_like(grads[-1]["bias"])}
        grads = (*grads[:-1], last)
        decayed = optree.tree_map(self._decayed, cast(Params, grads), cast(Params, state.params))
        params, optimiser = self._adam.step(state.params, decayed, state.optimiser)
        return state._replace(params=params, optimiser=optimiser)

    def _decayed(self, slope: Tensor, weight: Tensor) -> Tensor:
        return slope + self.weight_decay * weight

    @property
    def _net(self) -> MLP:
        return MLP(self.hidden, 1, self.activation)

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate, epsilon=1e-8)

    @property
    def _multiplier(self) -> Multiplier:
        return Multiplier(self.initial_multiplier, self.overestimation_limit, self.multiplier_learning_rate)
