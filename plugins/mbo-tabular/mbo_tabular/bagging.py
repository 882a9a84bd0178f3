"""Bootstrap draws of the rows, one for each member, and the error on the rows that a member did not draw."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap

from mbo_core.functional import keys
from mbo_core.stages import Key, Prediction

LEAST_STD = 1e-2
"""Added in squares to the spread of the members, which may agree exactly; in standardised scores."""
OUT_OF_BAG = "the root mean squared error on rows that a member did not draw, in standardised scores"
"""The meaning of the info `out_of_bag`."""


def drawn(key: Key, members: int, w: Tensor) -> Tensor:
    """The weights of the rows (N,) for each member, (members, N): their own, times how often the member drew them."""
    counts = vmap(lambda own: keys.bootstrap(own, len(w)))(keys.split(key, members))
    return counts * w


def seeds(key: Key, count: int) -> list[int]:
    """Seeds for scikit-learn's generators."""
    numbers: list[int] = keys.randint(key, (count,), 2**31 - 1).tolist()
    return numbers


def out_of_bag(means: Tensor, weights: Tensor, y: Tensor) -> Tensor:
    """The error of the members' means (members, N) on rows that each did not draw, (); 1 if every row was drawn.

    1 is the error of predicting the mean score.
    """
    left = (weights == 0).to(means.dtype)
    times = left.sum(0)
    missed = (means * left).sum(0) / times.clamp_min(1) - y
    judged = times > 0
    return missed[judged].square().mean().sqrt() if judged.any() else torch.ones(())


def averaged(means: Tensor) -> Prediction:
    """The mean of the members' means (members, n), and their spread as standard deviation, float32."""
    spread = means.var(0, correction=0) + LEAST_STD**2
    return Prediction(means.mean(0).float(), spread.sqrt().float())
