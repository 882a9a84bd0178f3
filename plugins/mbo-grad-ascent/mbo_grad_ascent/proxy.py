"""Two proxies: one network under squared error, and an ensemble of probabilistic networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor
from torch.func import grad_and_value, vmap

from mbo_core.functional import batches, keys
from mbo_core.functional.embedding import embedding_for, embedding_option
from mbo_core.functional.nets import Activation, GaussianMLP, GaussianParams, Layers, PointMLP, gaussian_nll
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


class RegressionState(NamedTuple):
    """Weights, the optimiser's moments, and the adversary's state."""

    params: Layers
    optimiser: AdamState
    adversary: State


@dataclass(frozen=True, kw_only=True)
class Regression(Proxy):
    """One network that predicts the standardised score, trained by squared error.

    Under an adversary that moves weights the loss is taken at the moved weights.
    """

    adversary: Adversary = stage_option("the adversary to train against")
    hidden: tuple[int, ...] = option((2048, 2048), "width of each hidden layer", at_least=1)
    activation: Activation = option("leaky-relu", "of the hidden layers; the leaky slope is 0.3")
    learning_rate: float = option(3e-4, "of Adam", at_least=0.0)
    epochs: int = option(100, "passes over the training rows", at_least=0)
    steps: int | None = steps_option()
    batch_size: int = option(128, "rows per step", at_least=1)
    held_out: int = option(200, "rows set aside at random and not trained on", at_least=0, share=HELD_OUT)
    keep: Keep = keep_option()
    refit: bool = refit_option()

    name: ClassVar[str] = "regression"
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "gradients", "partial_fit", "params"})
    trains_against: ClassVar[frozenset[Moves]] = frozenset({"weights"})

    def schedule(self, data: Data) -> Schedule:
        """Batches of all rows that are not held out."""
        return schedule_of(self)

    def init(self, key: Key, data: Data) -> RegressionState:
        """Glorot-uniform weights."""
        params = self._net.init(keys.fold_in(key, 0), data.x.shape[1])
        adversary = self.adversary.init(keys.fold_in(key, 1), data)
        return RegressionState(params, self._adam.init(params), adversary)

    def step(self, key: Key, state: RegressionState, batch: Batch) -> tuple[RegressionState, Info]:
        """One step of Adam on the mean squared error."""
        start = Mined(state.params, batch.x)
        mined, adversary = self.adversary.mine(key, state.adversary, self.model(state), start, batch)
        grads, loss = grad_and_value(self._net.loss)(mined.params, batch)
        return RegressionState(*self._adam.step(state.params, grads, state.optimiser), adversary), {"loss": loss}

    def predict(self, state: RegressionState, x: Tensor) -> Prediction:
        """The network's output, without uncertainty."""
        return self._net.apply(state.params, x)

    def model(self, state: RegressionState) -> Model:
        """Prediction, squared error and input gradient as functions of the weights."""
        return self._net.model()

    @property
    def _net(self) -> PointMLP:
        return PointMLP(self.hidden, self.activation)

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate)


class EnsembleState(NamedTuple):
    """Weights, the optimiser's moments, and the adversary's state, each with a leading member axis."""

    params: GaussianParams
    optimiser: AdamState
    adversary: State


@dataclass(frozen=True, kw_only=True)
class Ensemble(Proxy):
    """Networks that each predict a mean and a bounded standard deviation, trained by Gaussian likelihood.

    Each member has its own initial weights, bootstrap of the data and moments of Adam; with `shuffle = "own"` also
    its own split and batches. Prediction is the mixture of the members.
    """

    adversary: Adversary = stage_option("the adversary to train each member against")
    members: int = option(5, "number of networks, B", at_least=1)
    bootstrap: bool = option(True, "train each member on rows drawn with replacement, once")
    shuffle: Literal["shared", "own"] = option("shared", "whether the members see the same batches")
    hidden: tuple[int, ...] = option((256,), "width of each hidden layer", at_least=1)
    activation: Activation = option("leaky-relu", "of the hidden layers; the leaky slope is 0.3")
    embedding: int | None = embedding_option()
    bounds: Literal["trained", "frozen"] = option("trained", "whether the bounds of the std head are trained")
    learning_rate: float = option(1e-3, "of Adam", at_least=0.0)
    epochs: int = option(100, "passes over the training rows", at_least=0)
    steps: int | None = steps_option()
    batch_size: int = option(128, "rows per step", at_least=1)
    held_out: int = option(200, "rows set aside at random and not trained on", at_least=0, share=HELD_OUT)
    keep: Keep = keep_option()
    refit: bool = refit_option()

    name: ClassVar[str] = "ensemble"
    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {"values", "gradients", "uncertainty", "partial_fit", "members", "params"}
    )
    trains_against: ClassVar[frozenset[Moves]] = frozenset({"weights"})

    def schedule(self, data: Data) -> Schedule:
        """Batches with a bootstrap for each member; an embedding of designs that are not one-hot is refused."""
        embedding_for(self.embedding, data.space)
        return schedule_of(self, members=self.members, bootstrap=self.bootstrap, shuffle=self.shuffle)

    def init(self, key: Key, data: Data) -> EnsembleState:
        """Glorot-uniform weights for each member; the bounds of the std start at ln 0.1 and ln 0.2."""
        embedding = embedding_for(self.embedding, data.space)
        params = vmap(lambda member: self._net.init(member, data.x.shape[1], embedding))(self._member_keys(key, 0))
        adversary = vmap(lambda member: self.adversary.init(member, data))(self._member_keys(key, 1))
        return EnsembleState(params, self._adam.init(params), adversary)

    def step(self, key: Key, state: EnsembleState, batch: Batch) -> tuple[EnsembleState, Info]:
        """One step of Adam for each member on its weighted mean negative log-likelihood."""
        mined, adversary = self._mine(key, state, batch)
        grads, losses = vmap(grad_and_value(self._member_loss), in_dims=(0, batches.member_axes(batch)))(mined, batch)
        moved = self._adam.step(state.params, grads, state.optimiser)
        return EnsembleState(*moved, adversary), {"loss": losses.mean()}

    def predict(self, state: EnsembleState, x: Tensor) -> Prediction:
        """Mean and standard deviation of the mixture."""
        return self._predict(state.params, x)

    def predict_members(self, state: EnsembleState, x: Tensor) -> Prediction:
        """Mean and standard deviation by each member, (members, n)."""
        return self._members(state.params, x)

    def model(self, state: EnsembleState) -> Model:
        """Prediction of the mixture and the members' mean loss as functions of the weights."""
        return Model(self._predict, self._loss)

    @property
    def _net(self) -> GaussianMLP:
        return GaussianMLP(self.hidden, self.activation, self.bounds)

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate)

    def _member_keys(self, key: Key, stream: int) -> Tensor:
        return keys.split(keys.fold_in(key, stream), self.members)

    def _mine(self, key: Key, state: EnsembleState, batch: Batch) -> tuple[GaussianParams, State]:
        model = Model(self._net.apply, self._member_loss)

        def mine(member: Key, weights: GaussianParams, kept: State, rows: Batch) -> tuple[GaussianParams, State]:
            mined, kept = self.adversary.mine(member, kept, model, Mined(weights, rows.x), rows)
            return mined.params, kept

        lifted = vmap(mine, in_dims=(0, 0, 0, batches.member_axes(batch)))
        found: tuple[GaussianParams, State] = lifted(self._member_keys(key, 0), state.params, state.adversary, batch)
        return found

    def _members(self, params: GaussianParams, x: Tensor) -> Prediction:
        return vmap(self._net.apply, in_dims=(0, None))(params, x)

    def _predict(self, params: GaussianParams, x: Tensor) -> Prediction:
        mean, std = self._members(params, x)
        # Variance of a mixture: within members plus between members.
        variance = (std**2).mean(0) + mean.var(0, correction=0)
        return Prediction(mean.mean(0), variance.sqrt())

    def _member_loss(self, params: GaussianParams, batch: Batch) -> Tensor:
        return (batch.w * gaussian_nll(self._net.apply(params, batch.x), batch.y)).mean()

    def _loss(self, params: GaussianParams, batch: Batch) -> Tensor:
        losses: Tensor = vmap(self._member_loss, in_dims=(0, batches.member_axes(batch)))(params, batch)
        return losses.mean()
