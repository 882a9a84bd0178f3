"""Designs drawn from a generator that inverts the objective: given a score, it makes designs of that score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mbo_core.functional import batches, keys
from mbo_core.stages import CANDIDATES, HELD_OUT, Ability, Data, Info, Key, Schedule, Update, option
from mbo_mins.gan import GAN, Terms, annealed, critic_loss, designs_of, kept
from mbo_mins.weights import Weighting, effective


@dataclass
class MINsState:
    """The two players, their training rows, and the candidates."""

    gan: GAN
    rows: Tensor
    """(m,) the rows of the data to train on, in their order."""
    w: Tensor
    """(N,) weights of all rows."""
    x: Tensor
    """(candidates, d)"""


@dataclass(frozen=True, kw_only=True)
class MINs(Update):
    """Model inversion networks: a generator G(y, z) of designs, sampled at the best visible score.

    Kumar and Levine, "Model inversion networks for model-based optimization", NeurIPS 2020 (arXiv:1912.13464): an
    inverse map is learnt by a game, on data weighted by w = p_T(y) / p_D(y) (`Weighting`). With critic D, u ~ U(0, 1)
    and a Wasserstein loss with a penalty (Gulrajani et al., 2017)::

        L_D = mean[ w * ( D(G(y, z), y) - D(x, y) + penalty * (1 - |grad_x D(u x + (1 - u) G(y, z), y)|)^2 ) ]
        L_G = mean[ -w * D(G(y, z), y) ],   a step for every tenth of D

    No proxy is used, and no design is moved: the candidates are G(y*, z), with y* the best visible score and z drawn.
    Each step of the search is an epoch of training. One-hot designs are categories, all others numbers.
    """

    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)
    epochs: int = option(200, "passes over the training rows; 500 on Hopper, 100 on TF Bind 10", at_least=0)
    steps: int | None = option(
        None, "steps of the critic, in place of epochs; the last epoch may be cut short", at_least=1,
        instead_of="epochs",
    )  # fmt: skip
    batch_size: int = option(128, "rows per step", at_least=1)
    held_out: int = option(
        200, "rows held out from training: the released code's validation rows", at_least=0, share=HELD_OUT
    )
    order: Literal["fixed", "shuffled"] = option(
        "fixed", "order of the rows: the released code's buffer of one row gives the same batches in each epoch"
    )
    latent: int = option(32, "coordinates of the noise, z", at_least=1)
    hidden: tuple[int, ...] = option((1024, 1024, 1024), "width of each hidden layer of both networks", at_least=1)
    learning_rate: float = option(2e-4, "of Adam, for both networks", at_least=0.0)
    penalty: float = option(10.0, "weight of the critic's gradient penalty", at_least=0.0)
    generator_every: int = option(10, "batches per step of the generator, starting with each epoch's first", at_least=1)
    keep: float = option(
        0.99, "mass that a real token keeps; the rest is spread over all K; one-hot", above=0.0, at_most=1.0
    )
    first_temperature: float = option(5.0, "temperature of relaxed tokens in the first epoch; one-hot", above=0.0)
    last_temperature: float = option(1.0, "temperature in the last epoch; linear between", above=0.0)
    bins: int = option(20, "number of bins of equal width over the visible scores, for the weights", at_least=1)
    weight_temperature: float = option(
        0.1,
        "tau of the weights, in standard deviations of the score, at least 1e-3; 0 for the distance of the best from"
        " the 0.9-quantile",
        at_least=0.0,
    )
    smoothing: float = option(1e-3, "lambda of the weights: the share below which a bin is weighted down", at_least=0.0)
    largest_weight: float = option(5.0, "cap of the weights", at_least=1e-3)
    negligible: float = option(
        1e-7,
        "rows below this share of a batch's largest weight are left out of the products; below float32's rounding"
        " at the default; 1e-3 is faster, 0 leaves out none",
        at_least=0.0,
        at_most=1.0,
    )
    beyond: float = option(
        0.0, "distance of y* above the best visible score, in standard deviations of the score; 0 in the released code"
    )

    name: ClassVar[str] = "mins"
    from_designs: ClassVar[bool] = False
    infos: ClassVar[Mapping[str, str]] = {
        "loss": "the critic's loss, the mean over the epoch's batches as all below",
        "real": "the weighted sum of D at designs of the data",
        "fake": "the same at generated designs",
        "penalty": "the weighted gradient penalty",
        "generator_loss": "the generator's loss",
        "effective_rows": "the effective number of weighted rows",
        "capped": "the share of rows whose weight is at the cap",
    }
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    def __post_init__(self) -> None:
        if not self.hidden:
            raise ValueError("hidden=[] leaves no layer that combines score and design")

    @property
    def needs(self) -> frozenset[Ability]:
        """Nothing."""
        return frozenset()

    def check(self, data: Data) -> None:
        """Refuse too few rows to train on.

        Raises:
            TaskError: with a hint.
        """
        batches.check_rows(self._schedule, len(data.y))

    def length(self, data: Data) -> int:
        """The number of epochs."""
        return math.ceil(batches.step_count(len(data.y), self._schedule) / self._per_epoch(data))

    def init(self, key: Key, data: Data, proxy_state: Any) -> MINsState:
        """Untrained players, the split of the rows and their weights."""
        net_key, split_key, draw_key = keys.split(key, 3)
        designs = designs_of(data.space, self.keep)
        gan = GAN(net_key, designs, data.x.shape[1], self.latent, self.hidden, self.learning_rate)
        rows = batches.examples(split_key, len(data.y), self._schedule).rows
        with keys.lend(draw_key):
            x = data.space.project(gan.sample(self._wanted(data)))
            return MINsState(gan, rows, self.weighting.weights(data.y), x)

    def step(self, key: Key, state: MINsState, data: Data, number: int) -> tuple[MINsState, Info]:
        """One epoch; the candidates are fresh draws."""
        with keys.lend(key):
            info = self._epoch(state, data, number)
            x = data.space.project(state.gan.sample(self._wanted(data)))
        return replace(state, x=x), info

    def designs(self, state: MINsState) -> Tensor:
        """Designs of the generator for the wanted score."""
        return state.x

    @property
    def weighting(self) -> Weighting:
        """The weighting of the rows."""
        return Weighting(self.bins, self.weight_temperature, self.smoothing, self.largest_weight)

    @property
    def _schedule(self) -> Schedule:
        return Schedule(self.epochs, self.batch_size, self.held_out, steps=self.steps)

    def _per_epoch(self, data: Data) -> int:
        return len(batches.slices(len(data.y) - self.held_out, self._schedule))

    def _wanted(self, data: Data) -> Tensor:
        return (data.y.amax() + self.beyond).expand(self.candidates)

    def _epoch(self, state: MINsState, data: Data, number: int) -> Info:
        temperature = annealed(self.first_temperature, self.last_temperature, number, self.length(data))
        rows = state.rows
        if self.order == "shuffled":
            rows = rows[torch.randperm(len(rows), device=rows.device)]
        of_critic, of_generator = [], []
        left = batches.step_count(len(data.y), self._schedule) - number * self._per_epoch(data)
        for place, batch in enumerate(torch.split(rows, self.batch_size)[:left]):
            few = batch[kept(state.w[batch], self.negligible)]
            x, y, w = data.x[few], data.y[few], state.w[few] / len(batch)
            of_critic.append(state.gan.train_critic(x, y, w, temperature, self.penalty))
            if place % self.generator_every == 0:
                of_generator.append(state.gan.train_generator(y, w, temperature))
        parts = Terms(*map(_mean, zip(*of_critic, strict=True)))
        return {
            "loss": critic_loss(parts, self.penalty),
            **parts._asdict(),
            "generator_loss": _mean(of_generator),
            "effective_rows": effective(state.w),
            "capped": (state.w >= self.largest_weight).to(state.w.dtype).mean(),
        }


def _mean(values: Any) -> Tensor:
    return torch.stack(tuple(values)).mean()
