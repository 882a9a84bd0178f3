r"""The discretised logistic distribution of a score, and its conditional normalised maximum likelihood.

Scores are put into `K` bins of equal width `W`. A model gives a location `mu` and a scale `s`; with
`F(y) = sigmoid((y - mu) / s)` the mass of bin k is `p_k = F(e_k) - F(e_(k-1))`, where `e_1 < ... < e_(K-1)` are the
interior edges, `e_0 = -inf` and `e_K = inf`. As differences the masses lose all digits in the tails, so only their
logarithms are ever computed, and those by a form that does not cancel. With `a_j = (mu - e_j) / s` and `sp` the
softplus::

    log p_1 = -sp(a_1)
    log p_k = -sp(-a_(k-1)) - sp(a_k) + log(1 - exp(-W / s))        1 < k < K
    log p_K = -sp(-a_(K-1))

because `sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))`, and `a_(k-1) - a_k = W / s`. In float32
they are finite, with finite gradients, for |mu| up to 1e4 and beyond, and the masses sum to 1 within 1e-6.

Everything works elementwise or over a named axis, alone and lifted with `torch.func.vmap`, in the dtype it is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.functional.nets import softplus

STD_OF_SCALE = math.pi / math.sqrt(3)
"""The standard deviation of a logistic distribution of scale 1."""


@dataclass(frozen=True)
class Bins:
    """Intervals of equal width that cover every score; the first and the last are unbounded.

    >>> Bins(torch.tensor([-1.0, 3.0]), 4).edges
    tensor([0., 1., 2.])

    Attributes:
        ends: (2,) where the first bin would begin and the last one would end, were they closed.
        count: the number of bins, K.
    """

    ends: Tensor
    count: int

    @property
    def width(self) -> Tensor:
        """(), W."""
        return (self.ends[1] - self.ends[0]) / self.count

    @property
    def edges(self) -> Tensor:
        """(K - 1,) interior edges, e_1 to e_(K-1)."""
        return self._at(self._numbers[1:])

    @property
    def centres(self) -> Tensor:
        """(K,) c_1 to c_K, those of the end bins as if they were closed."""
        return self._at(self._numbers + 0.5)

    def labels(self, y: Tensor) -> Tensor:
        """The bin of each score, (...) to int64 (...) in [0, K); an edge belongs to the bin above it."""
        return (y.unsqueeze(-1) >= self.edges).sum(-1)

    def log_mass(self, mean: Tensor, scale: Tensor, label: Tensor) -> Tensor:
        """The log probability of a bin; the three arguments broadcast.

        Args:
            mean: (...) locations mu.
            scale: (...) scales s, positive.
            label: (...) bins, whole numbers from 0.

        Returns:
            (...) log p_(label + 1), at most 0.
        """
        above_lower = (mean - self._at(label)) / scale
        above_upper = (mean - self._at(label + 1)) / scale
        has_lower, has_upper = label > 0, label < self.count - 1
        # Terms that an end bin lacks are finite too, so that dropping them leaves no 0 * inf in a gradient.
        inner = torch.log(-torch.expm1(-self.width / scale))
        lower = torch.where(has_lower, -softplus(-above_lower), 0.0)
        upper = torch.where(has_upper, -softplus(above_upper), 0.0)
        return lower + upper + torch.where(has_lower & has_upper, inner, 0.0)

    def log_masses(self, mean: Tensor, scale: Tensor) -> Tensor:
        """The log probabilities of all bins: mean and scale (...) to (..., K)."""
        return self.log_mass(mean.unsqueeze(-1), scale.unsqueeze(-1), self._numbers)

    @property
    def _numbers(self) -> Tensor:
        # In the dtype of the ends, as float32 would lower the precision of the result.
        return torch.arange(self.count, dtype=self.ends.dtype, device=self.ends.device)

    def _at(self, place: Tensor) -> Tensor:
        return self.ends[0] + place * self.width


def ends_of(y: Tensor, span: float) -> Tensor:
    """The ends of the bins for data: [min y, max y + span * (max y - min y)].

    The headroom makes scores above the data representable. It also raises the middle of the bins, the expected score
    of a design far from the data.

    Args:
        y: (N,) scores.
        span: headroom above the data, in ranges of the data.

    Returns:
        (2,)
    """
    low, high = y.amin(), y.amax()
    return torch.stack([low, high + span * (high - low)])


def check_scores(y: Tensor, count: int, span: float) -> None:
    """Check that `count` bins can distinguish the scores.

    Args:
        y: (N,) scores; they must not be lifted, as their values are read.
        count: the number of bins, K.
        span: headroom above the data, in ranges of the data.

    Raises:
        TaskError: if all scores are equal, or fall into one bin.
    """
    if bool(y.amin() == y.amax()):
        raise TaskError(
            f"all {len(y)} scores are equal, so they have no range to divide into bins",
            "give scores that differ",
        )
    if bool((Bins(ends_of(y, span), count).labels(y) == 0).all()):
        raise TaskError(
            f"all {len(y)} scores fall into the first of {count} bins, whose range reaches {span} ranges above them",
            "use at least 2 bins (members), and a span below the number of bins minus 1",
        )


class Normalised(NamedTuple):
    """The conditional NML distributions of n designs."""

    log_p: Tensor
    """(K, n) log p-hat of each bin."""
    mean: Tensor
    """(n,) expected score J, between the first and the last centre."""
    std: Tensor
    """(n,) standard deviation of the score."""
    log_gamma: Tensor
    """(n,) the minimax regret log Gamma: 0 where the models agree.

    It is largest where each fits its own bin as well as one can. That is a mass of tanh(W / 4s) for a closed bin and
    of 1 for an open one: the bound is log(2 + (K - 2) tanh(W / 4s)), for 20 bins of width s 1.86.
    """
    entropy: Tensor
    """(n,) in nats, up to log K."""


def normalise(own: Tensor, bins: Bins) -> Normalised:
    """Normalise best-case likelihoods: `p-hat_k = p_k / Gamma` with `Gamma = sum_k p_k` (paper, equation of p_NML).

    Args:
        own: (K, n) log probability of bin k under the model trained with bin k as the truth.
        bins: the K bins.
    """
    log_gamma = torch.logsumexp(own, 0)
    log_p = own - log_gamma
    p = log_p.exp()
    mean = bins.centres @ p
    variance = (p * (bins.centres[:, None] - mean) ** 2).sum(0)
    # All mass can be in one bin to the last digit, and the gradient of a root at exactly 0 is infinite.
    std = variance.clamp(min=torch.finfo(p.dtype).tiny).sqrt()
    return Normalised(log_p, mean, std, log_gamma, entropy=-(p * log_p).sum(0))
