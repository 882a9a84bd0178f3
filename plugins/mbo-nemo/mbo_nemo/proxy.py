"""The proxy of NEMO: one network for each possible score of a design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypedDict, cast

import optree
import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from mbo_core.functional import batches, keys
from mbo_core.functional.nets import MLP, Activation, Layers
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
from mbo_nemo.logistic import STD_OF_SCALE, Bins, check_scores, ends_of


class BankParams(TypedDict):
    """The weights of the networks; every tensor has a leading member axis."""

    layers: Layers
    ends: Tensor
    """(members, 2) the ends of the bins: a constant of the data, never trained or moved."""


class BankState(NamedTuple):
    """Weights, the optimiser's moments, and the adversary's state."""

    params: BankParams
    optimiser: AdamState
    """Its moments have a leading member axis, of length 1 while the members are equal."""
    adversary: State
    """With a leading member axis of the same length as that of the moments."""


@dataclass(frozen=True, kw_only=True)
class LabelBank(Proxy):
    """Networks that predict the location of a discretised logistic distribution, one for each of its bins.

    Each network is a Linear-softplus stack with one output mu; the scale s is a constant (Fu and Levine, "Offline
    model-based optimization via normalized maximum likelihood estimation", ICLR 2021, arXiv:2102.07970). Training
    maximises the log mass of each score's bin. The prediction's mean is mu and its standard deviation that of the
    logistic, pi * s / sqrt(3).

    All members start from the same weights. A batch without a member axis is the same for all, so until the first
    batch with one they stay equal: ONE network is trained, at 1/bins of the cost, and the others are its copies. The
    moments of Adam show whether that is so: they are held once, with a member axis of length 1, until the first batch
    with a member axis copies them for each member. Lengths are static, so no value has to be looked at, and a batch
    without a member axis still trains each member on its own once they differ. The moments are copied and not
    reset, as the first step after a reset has full length for every weight, however good the fit.

    Under an adversary that moves weights the loss is taken at the moved weights. All members share its key, so
    that it makes no difference between them.
    """

    adversary: Adversary = stage_option("what each network is trained against")
    bins: int = option(20, "number of bins and of networks, K", at_least=2)
    span: float = option(
        0.25, "headroom of the bins above the best score, in ranges of the data; as in the update", at_least=0.0
    )
    scale: float = option(1.0, "s of the logistic, in bin widths; constant", above=0.0)
    hidden: tuple[int, ...] = option((64, 64), "width of each hidden layer", at_least=1)
    activation: Activation = option("softplus", "of the hidden layers; the leaky slope is 0.3")
    learning_rate: float = option(1e-3, "of Adam while all members are equal: the warm start", at_least=0.0)
    tracking_rate: float = option(5e-3, "of Adam, alpha_theta, once they differ; its moments are kept", at_least=0.0)
    epochs: int = option(30, "passes over the training rows in the warm start", at_least=0)
    steps: int | None = steps_option()
    batch_size: int = option(128, "rows per step", at_least=1)
    held_out: int = option(0, "rows set aside at random and not trained on", at_least=0, share=HELD_OUT)
    keep: Keep = keep_option()
    refit: bool = refit_option()

    name: ClassVar[str] = "label-bank"
    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {"values", "gradients", "uncertainty", "partial_fit", "members", "params"}
    )
    trains_against: ClassVar[frozenset[Moves]] = frozenset({"weights"})

    def schedule(self, data: Data) -> Schedule:
        """Plain batches, without a member axis: the warm start is the same for all members.

        Raises:
            TaskError: if the scores are equal or fall into one bin.
        """
        check_scores(data.y, self.bins, self.span)
        return schedule_of(self)

    def init(self, key: Key, data: Data) -> BankState:
        """Glorot-uniform weights, the same for all members."""
        layers = self._net.init(keys.fold_in(key, 0), data.x.shape[1])
        params = BankParams(layers=layers, ends=ends_of(data.y, self.span))
        adversary = self.adversary.init(keys.fold_in(key, 1), data)
        moments = Adam(self.learning_rate).init(_with_axis(layers))
        return BankState(_copied(_with_axis(params), self.bins), moments, _with_axis(adversary))

    def step(self, key: Key, state: BankState, batch: Batch) -> tuple[BankState, Info]:
        """One step of Adam for each member on its weighted mean negative log mass."""
        axes = batches.member_axes(batch)
        if 0 in axes:
            state = self._parted(state)
        params = _distinct(state)
        mined, adversary = vmap(self._mine, in_dims=(None, 0, 0, axes))(key, params, state.adversary, batch)
        grads, losses = vmap(grad_and_value(self._member_loss), in_dims=(0, axes))(mined, batch)
        layers, optimiser = self._adam(losses).step(params["layers"], grads["layers"], state.optimiser)
        moved = BankParams(layers=_copied(layers, self.bins), ends=state.params["ends"])
        return BankState(moved, optimiser, adversary), {"loss": losses.mean()}

    def predict(self, state: BankState, x: Tensor) -> Prediction:
        """Mean and standard deviation of the members' mixture."""
        return self._predict(_distinct(state), x)

    def predict_members(self, state: BankState, x: Tensor) -> Prediction:
        """Mean and standard deviation by each member, (bins, n)."""
        mean, std = self._members(_distinct(state), x)
        return Prediction(mean.expand(self.bins, -1), std.expand(self.bins, -1))

    def model(self, state: BankState) -> Model:
        """Prediction of the mixture and the members' mean loss as functions of the weights."""
        return Model(self._predict, self._loss)

    @property
    def _net(self) -> MLP:
        return MLP(self.hidden, 1, self.activation)

    def _adam(self, members: Tensor) -> Adam:
        """The optimiser for tensors with a member axis of that length."""
        return Adam(self.learning_rate if len(members) == 1 else self.tracking_rate)

    def _parted(self, state: BankState) -> BankState:
        """The state with moments for each member."""
        steps, first, second = state.optimiser
        optimiser = AdamState(steps, _copied(first, self.bins), _copied(second, self.bins))
        return state._replace(optimiser=optimiser, adversary=_copied(state.adversary, self.bins))

    def _mine(self, key: Key, params: BankParams, kept: State, batch: Batch) -> tuple[BankParams, State]:
        """One member's layers, moved by the adversary, which does not see the ends of the bins."""

        def whole(layers: Layers) -> BankParams:
            return BankParams(layers=layers, ends=params["ends"])

        model = Model(
            lambda layers, x: self._member(whole(layers), x),
            lambda layers, rows: self._member_loss(whole(layers), rows),
        )
        mined, kept = self.adversary.mine(key, kept, model, Mined(params["layers"], batch.x), batch)
        return whole(mined.params), kept

    def _member(self, params: BankParams, x: Tensor) -> Prediction:
        mean = self._net.apply(params["layers"], x).squeeze(1)
        return Prediction(mean, torch.ones_like(mean) * (STD_OF_SCALE * self._scale(params)))

    def _bins(self, params: BankParams) -> Bins:
        return Bins(params["ends"].detach(), self.bins)

    def _scale(self, params: BankParams) -> Tensor:
        return self.scale * self._bins(params).width

    def _members(self, params: BankParams, x: Tensor) -> Prediction:
        return vmap(self._member, in_dims=(0, None))(params, x)

    def _predict(self, params: BankParams, x: Tensor) -> Prediction:
        mean, std = self._members(params, x)
        # Variance of a mixture: within members plus between members.
        variance = (std**2).mean(0) + mean.var(0, correction=0)
        return Prediction(mean.mean(0), variance.sqrt())

    def _member_loss(self, params: BankParams, batch: Batch) -> Tensor:
        bins = self._bins(params)
        mean = self._net.apply(params["layers"], batch.x).squeeze(1)
        return -(batch.w * bins.log_mass(mean, self._scale(params), bins.labels(batch.y))).mean()

    def _loss(self, params: BankParams, batch: Batch) -> Tensor:
        losses: Tensor = vmap(self._member_loss, in_dims=(0, batches.member_axes(batch)))(params, batch)
        return losses.mean()


def _distinct(state: BankState) -> BankParams:
    """The weights of all members, or of the first as long as all are equal."""
    count = len(state.optimiser.first[0]["bias"])
    return cast(BankParams, optree.tree_map(lambda leaf: leaf[:count], cast(Any, state.params)))


def _with_axis(nest: Any) -> Any:
    """A member axis of length 1 before all others."""
    return optree.tree_map(lambda leaf: leaf.unsqueeze(0), nest)


def _copied(nest: Any, members: int) -> Any:
    """A member axis of length 1 expanded to `members`; one of that length stays."""
    return optree.tree_map(lambda leaf: leaf.expand(members, *leaf.shape[1:]), nest)
