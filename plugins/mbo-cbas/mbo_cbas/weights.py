"""Weights of a search model's samples, as logarithms: the weights are products over coordinates and underflow."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from mbo_core.stages import Prediction

Weighting: TypeAlias = Literal["cbas", "dbas", "rwr", "cem-pi"]
"""The weight of a sample; see `log_weights`."""


class Scored(NamedTuple):
    """The quantities of n samples that weights depend on."""

    log_ratio: Tensor
    """(n,) ln p(x | z) - ln q(x | z), of the prior and the search model at the latent that made the sample."""
    mean: Tensor
    """(n,) predicted standardised score."""
    log_tail: Tensor
    """(n,) ln P(score >= threshold)."""
    log_improvement: Tensor
    """(n,) ln P(score >= best visible score)."""


def log_tail(members: Prediction, threshold: Tensor) -> Tensor:
    """The log-probability that a score reaches `threshold` under a mixture of normals.

    Args:
        members: mean and std (members, n).
        threshold: () gamma.

    Returns:
        (n,) ln of 1 - (1 / members) * sum_b Phi((threshold - mean_b) / std_b), exact also where that underflows.
    """
    distance = (threshold - members.mean) / (members.std * math.sqrt(2))
    # ln erfc(t) = ln erfcx(t) - t^2, where erfc underflows from t = 10 on and erfcx overflows below t = -9.
    above = torch.special.erfcx(distance.clamp(min=0)).log() - distance.clamp(min=0) ** 2
    each = torch.where(distance > 0, above, torch.erfc(distance.clamp(max=0)).log())
    return torch.logsumexp(each, 0) - math.log(2 * len(each))


def quantile(values: Tensor, q: float) -> Tensor:
    """The q-quantile () of (n,) values by nearest rank, halves to even as in TensorFlow Probability.

    >>> quantile(torch.tensor([3.0, 1.0, 2.0, 5.0, 4.0]), 0.8)
    tensor(4.)
    """
    return torch.sort(values).values[round((len(values) - 1) * q)]


def log_weights(weighting: Weighting, scored: Scored, rate: float, level: float) -> Tensor:
    """The log-weights (n,) of samples, S being the event that a score reaches the threshold.

    * `cbas`: p(x|z) / q(x|z) * P(S|x) (Brookes, Park and Listgarten, 2019).
    * `dbas`: P(S|x) (Brookes and Listgarten, 2018).
    * `rwr`: exp(rate * score), reward-weighted regression (Peters and Schaal, 2007), here relative to the largest.
    * `cem-pi`: 1 if the probability of improving on the data is at or above its `level`-quantile, else 0.
    """
    if weighting == "cbas":
        return scored.log_ratio + scored.log_tail
    if weighting == "dbas":
        return scored.log_tail
    if weighting == "rwr":
        return rate * (scored.mean - scored.mean.amax())
    chosen = scored.log_improvement >= quantile(scored.log_improvement, level)
    return torch.zeros_like(scored.mean).masked_fill(~chosen, -torch.inf)


def without_small(log_w: Tensor, cut_off: float) -> Tensor:
    """Log-weights (n,) with those below ln `cut_off` at -inf."""
    if cut_off <= 0:
        return log_w
    return log_w.masked_fill(log_w < math.log(cut_off), -torch.inf)


def self_normalised(log_w: Tensor) -> Tensor:
    """Log-weights (n,) whose weights average 1; all -inf stay so.

    >>> self_normalised(torch.tensor([0.0, 0.0, -torch.inf, -torch.inf])).exp()
    tensor([2., 2., 0., 0.])
    """
    total = torch.logsumexp(log_w, 0)
    return log_w - torch.where(torch.isfinite(total), total - math.log(len(log_w)), torch.zeros_like(total))


def effective(log_w: Tensor) -> Tensor:
    """The effective sample size (sum w)^2 / sum w^2 of log-weights (n,), (); 0 where all weights are.

    >>> effective(torch.tensor([0.0, 0.0, 0.0, -torch.inf]))
    tensor(3.)
    """
    size = torch.exp(2 * torch.logsumexp(log_w, 0) - torch.logsumexp(2 * log_w, 0))
    return torch.nan_to_num(size, nan=0.0)
