"""Candidates that climb the mean of their normalised maximum likelihood, while the proxy keeps training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, cast

import optree
import torch
from torch import Tensor
from torch.func import grad

from mbo_core.functional import batches, keys
from mbo_core.functional.optim import Adam, AdamState
from mbo_core.stages import (
    CANDIDATES,
    Ability,
    Batch,
    Data,
    Info,
    Key,
    Proxy,
    Update,
    WithMembers,
    check_starts,
    option,
    stage_option,
    state_and_info,
    top,
)
from mbo_nemo.logistic import STD_OF_SCALE, Bins, Normalised, check_scores, ends_of, normalise
from mbo_nemo.proxy import LabelBank


class TrackingState(NamedTuple):
    """The candidates with their optimiser, and the proxy that keeps learning."""

    x: Tensor
    optimiser: AdamState
    proxy: Any
    """theta, the state after the proxy's own steps"""
    averaged: Any
    """theta-bar, its exponential moving average: what the candidates climb"""
    labels: Tensor
    """(members,) each member's label for the pseudo designs: the centre of its bin"""


@dataclass(frozen=True, kw_only=True)
class NormalisedLikelihood(Update):
    """The best designs in the data, moved up the mean of the conditional normalised maximum likelihood (NML).

    Fu and Levine, "Offline model-based optimization via normalized maximum likelihood estimation", ICLR 2021
    (arXiv:2102.07970). Each member k of the proxy trains on the data and on the candidates, labelled c_k, the
    centre of bin k; `p-hat(k | x)` is proportional to its likelihood of bin k at x. Near the data only
    the truth can be fitted; far away any label can, so that p-hat is wide and its mean falls back to the middle of the
    bins. A step of the search:

    1. one step of the proxy on a batch of the data and `pseudo_designs` of the candidates, these with a label for
       each member: the loss of member k is `mean_data(-log p) + w * mean_pseudo(-log p(k))`;
    2. `theta-bar <- (1 - tau) theta-bar + tau theta`;
    3. one step of Adam on x up `J - kappa * sd - lambda * log Gamma`, all of p-hat under theta-bar, with theta-bar
       held fixed.

    It takes any proxy with members and uncertainty: there is one bin per member, and the likelihood of a bin is its
    mass under a logistic of the member's mean and standard deviation. With `label-bank` that is the likelihood on
    which the proxy is trained. The average runs over all that the proxy's state holds.
    """

    proxy: Proxy = stage_option("the proxy whose members each get a label")
    candidates: int = option(CANDIDATES, "number of designs, M", at_least=1, share=1)
    steps: int = option(200, "number of steps, T", at_least=0)
    learning_rate: float = option(
        0.01, "of Adam on the designs, alpha_x; the proxy follows as long as it is small", at_least=0.0
    )
    span: float = option(
        0.25, "headroom of the bins above the best score, in ranges of the data; as in the proxy", at_least=0.0
    )
    batch_size: int = option(128, "rows of the data per step of the proxy, drawn with replacement", at_least=1)
    pseudo_designs: int = option(
        32, "candidates per step of the proxy, drawn with replacement; the same for all members", at_least=1
    )
    pseudo_weight: float | Literal["by-size"] = option(
        "by-size",
        "w, their mean loss against that of the data; by-size is 1.5 * M / N within [0.01, 0.1]. At 1 nothing is "
        "certain, at 0 this is plain ascent",
        at_least=0.0,
    )
    averaging: float = option(0.05, "share of the newest weights in the average, tau", at_least=0.0, at_most=1.0)
    spread_penalty: float = option(0.0, "kappa: stds of p-hat subtracted from its mean; 0 in the paper")
    regret_penalty: float = option(0.0, "lambda: weight of log Gamma subtracted from the mean; 0 in the paper")

    name: ClassVar[str] = "normalised-likelihood"
    infos: ClassVar[Mapping[str, str]] = {
        "log_gamma": "how far each candidate is off the data; a stop at a mean of 0.5 has been proposed",
        "entropy": "the entropy of each candidate's distribution over the bins",
        "expected": "the mean expected score J, before the step",
        "loss": "the proxy's training loss",
        "lag": "the mean distance of the expected scores of the averaged networks and of the newest",
    }

    def __post_init__(self) -> None:
        """Refuse a label bank with other bins, as its members would get labels outside them."""
        if isinstance(self.proxy, LabelBank) and self.proxy.span != self.span:
            raise ValueError(f'span={self.span}, but that of the proxy "{self.proxy.name}" is {self.proxy.span}')

    @property
    def needs(self) -> frozenset[Ability]:
        """Members with their own labels, and gradients in x."""
        return frozenset({"values", "gradients", "uncertainty", "partial_fit", "members"})

    def check(self, data: Data) -> None:
        """Refuse data that the search cannot start from.

        Raises:
            TaskError: if there are fewer rows than candidates, or the bins cannot distinguish the scores.
        """
        untrained, _ = state_and_info(self.proxy.init(keys.key(0, data.x.device), data))
        check_scores(data.y, self._count(untrained, data), self.span)
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """The number of steps."""
        return self.steps

    def init(self, key: Key, data: Data, proxy_state: Any) -> TrackingState:
        """The best designs in the data, and a bin for each member of the proxy."""
        x = top(data, self.candidates)
        labels = self._bins(data, self._count(proxy_state, data)).centres
        return TrackingState(x, self._adam.init(x), proxy_state, proxy_state, labels)

    def step(self, key: Key, state: TrackingState, data: Data, number: int) -> tuple[TrackingState, Info]:
        """Train the proxy on data and candidates, then move the candidates."""
        batch_key, proxy_key = keys.split(key)
        batch = self.labelled(batch_key, state, data)
        proxy, trained = self.proxy.step(proxy_key, state.proxy, batch)
        averaged = _averaged(state.averaged, proxy, self.averaging)
        bins = self._bins(data, len(state.labels))
        slope, found = grad(lambda x: self._climbed(averaged, x, bins), has_aux=True)(state.x)
        free, optimiser = self._adam.step(state.x, -slope, state.optimiser)
        x = data.space.project(free)
        lag = (self.normalised(proxy, state.x, bins).mean - found.mean).abs().mean()
        seen = {"log_gamma": found.log_gamma, "entropy": found.entropy, "expected": found.mean.mean()}
        return TrackingState(x, optimiser, proxy, averaged, state.labels), {**seen, "loss": trained["loss"], "lag": lag}

    def designs(self, state: TrackingState) -> Tensor:
        """The current candidates."""
        return state.x

    def labelled(self, key: Key, state: TrackingState, data: Data) -> Batch:
        """Rows of the data, and candidates with the label of each member.

        Returns:
            x (n, d), y (members, n) and w (n,) for n = batch_size + pseudo_designs rows; the mean of w times a loss
            over them is `mean_data + pseudo_weight * mean_pseudo`.
        """
        rows_key, chosen_key = keys.split(key)
        rows = keys.randint(rows_key, (self.batch_size,), len(data.y))
        real = batches.take(data, batches.Examples(rows, torch.ones_like(data.y[rows])), slice(None))
        # Detached: otherwise a gradient through the step would pull the designs to where they are easy to fit.
        x = state.x.detach()[keys.randint(chosen_key, (self.pseudo_designs,), self.candidates)]
        members, rest = len(state.labels), self.pseudo_designs
        total = self.batch_size + rest
        y = torch.cat([real.y.expand(members, -1), state.labels[:, None].expand(-1, rest)], dim=1)
        weight = torch.full_like(x[:, 0], self._weight(data) * total / rest)
        w = torch.cat([real.w * (total / self.batch_size), weight])
        return Batch(torch.cat([real.x, x]), y, w, data.space)

    def normalised(self, proxy_state: Any, x: Tensor, bins: Bins) -> Normalised:
        """The conditional NML distributions of designs x (n, d)."""
        mean, std = self._members(proxy_state, x)
        own = torch.arange(bins.count, device=x.device)[:, None]
        return normalise(bins.log_mass(mean, std / STD_OF_SCALE, own), bins)

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate)

    def _count(self, proxy_state: Any, data: Data) -> int:
        """The number of members, from the shape of their prediction."""
        return len(self._members(proxy_state, data.x[:1]).mean)

    def _bins(self, data: Data, members: int) -> Bins:
        return Bins(ends_of(data.y, self.span), members)

    def _members(self, proxy_state: Any, x: Tensor) -> Any:
        return cast(WithMembers, self.proxy).predict_members(proxy_state, x)

    def _weight(self, data: Data) -> float:
        if self.pseudo_weight == "by-size":
            return min(max(1.5 * self.candidates / len(data.y), 0.01), 0.1)
        return self.pseudo_weight

    def _climbed(self, averaged: Any, x: Tensor, bins: Bins) -> tuple[Tensor, Normalised]:
        found = self.normalised(averaged, x, bins)
        value = found.mean - self.spread_penalty * found.std - self.regret_penalty * found.log_gamma
        return value.sum(), found


def _averaged(old: Any, new: Any, share: float) -> Any:
    """`(1 - share) * old + share * new` for every tensor of real numbers of a nest; other tensors are copied."""

    def average(before: Tensor, after: Tensor) -> Tensor:
        return torch.lerp(before, after, share) if after.is_floating_point() else after

    return optree.tree_map(average, old, new)
