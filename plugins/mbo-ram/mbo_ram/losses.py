"""Losses on lists: how far the order of predictions s is from that of scores y.

Everything acts on the last axis, (..., m) to (...). A row of weight w counts as w equal rows, and one of weight 0 as
none; the total weight of a list must exceed 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from mbo_core.functional.nets import softplus

Loss: TypeAlias = Literal["listnet", "rank-cosine", "ranknet", "lambdarank"]

SMALL = 1e-8
"""Added to the product of the two norms of RankCosine."""
TINY = 1e-30
"""The smallest variance whose root is taken, as the root has an infinite derivative at 0."""


def listnet(s: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The cross-entropy of softmax(s) relative to softmax(y): `- sum_i q_i (s_i - log sum_j w_j exp s_j)`.

    Cao et al., "Learning to rank: from pairwise to listwise approach", ICML 2007, with top-one probabilities. It is
    smallest where s = y + c, with the entropy of q as its value.

    >>> listnet(torch.zeros(3), torch.tensor([0.0, 1.0, 2.0]), torch.ones(3))
    tensor(1.0986)
    """
    mass = w.log()
    log_share = s - torch.logsumexp(s + mass, -1, keepdim=True)
    return -(torch.softmax(y + mass, -1) * log_share).sum(-1)


def rank_cosine(s: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """1 less the cosine between s and y, both centred: 1 less their correlation.

    Qin et al., "Query-level loss functions for information retrieval", 2008. The paper on RaM does not centre, its
    released code does.

    >>> rank_cosine(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0.0, 1.0, 2.0]), torch.ones(3))
    tensor(0.)
    """
    share = w / w.sum(-1, keepdim=True)
    s, y = (one - (share * one).sum(-1, keepdim=True) for one in (s, y))
    norms = [(share * one**2).sum(-1).clamp(min=TINY).sqrt() for one in (s, y)]
    return 1 - (share * s * y).sum(-1) / (norms[0] * norms[1] + SMALL)


def ranknet(s: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The mean of `log(1 + exp(s_j - s_i))` over the pairs with y_i > y_j, each weighing w_i w_j; 0 without a pair.

    Burges et al., "Learning to rank using gradient descent", ICML 2005. Memory grows with m**2.

    >>> ranknet(torch.zeros(3), torch.tensor([0.0, 1.0, 2.0]), torch.ones(3))
    tensor(0.6931)
    """
    pairs = _pairs(y, w)
    count = pairs.sum((-2, -1))
    return (pairs * _misordered(s)).sum((-2, -1)) / torch.where(count > 0, count, 1.0)


def lambdarank(s: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """RankNet's terms, in bits and summed, each times what swapping the pair would change the NDCG of s by.

    Burges, Ragno and Le, "Learning to rank with nonsmooth cost functions", NIPS 2006. The gain of a row is exp(y):
    the usual 2**y - 1 is meant for grades, and negative for half of standardised scores. Memory grows with m**2.
    """
    gain = (y - y.amax(-1, keepdim=True)).exp()
    discount = _discount(s.detach(), w)
    change = (_apart(gain) * _apart(discount)).abs()
    best = (w * gain * _discount(y, w)).sum(-1)
    return (_pairs(y, w) * change * _misordered(s)).sum((-2, -1)) / (best * math.log(2))


LOSSES: dict[Loss, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "listnet": listnet,
    "rank-cosine": rank_cosine,
    "ranknet": ranknet,
    "lambdarank": lambdarank,
}


def mean_loss(loss: Loss, s: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The mean loss (), each list by its total weight; 0 if all weights are 0.

    Args:
        loss: its name.
        s: (lists, m) predictions.
        y: (lists, m) scores.
        w: (lists, m) weights, not negative.
    """
    size = w.sum(-1)
    empty = size <= 0
    each = LOSSES[loss](s, y, torch.where(empty[:, None], 1.0, w))
    return (size * torch.where(empty, 0.0, each)).sum() / torch.where(empty.all(), 1.0, size.sum())


def _apart(values: Tensor) -> Tensor:
    """The differences of all pairs, (..., m) to (..., m, m): that of i less that of j."""
    return values[..., :, None] - values[..., None, :]


def _pairs(y: Tensor, w: Tensor) -> Tensor:
    """w_i w_j for the pairs with y_i > y_j, else 0, (..., m, m)."""
    return (w[..., :, None] * w[..., None, :]) * (_apart(y) > 0)


def _misordered(s: Tensor) -> Tensor:
    """`log(1 + exp(s_j - s_i))`, (..., m, m)."""
    return softplus(-_apart(s))


def _discount(values: Tensor, w: Tensor) -> Tensor:
    """1 / log2(1 + rank) of each row, (..., m): the largest value has rank 1, equal ones share the best of theirs."""
    above = (w[..., None, :] * (_apart(values) < 0)).sum(-1)
    return 1 / torch.log2(2 + above)
