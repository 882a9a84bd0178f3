"""Weights of the visible designs, larger for higher scores and for fuller bins."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EMPTY = 1e-7
"""Added to divisors that may be 0, as in the released code."""
COLDEST = 1e-3
"""The smallest temperature: here only the best bin has weight; smaller ones overflow."""


@dataclass(frozen=True)
class Weighting:
    """Importance weights p_T(y) / p_D(y), by histogram (Kumar and Levine, 2020).

    With the visible scores in equal-width bins, h_b the share of bin b and e_b its upper edge::

        s = softmax(e / tau),   t_b = s_b * h_b / (h_b + lambda) over its sum,   w = min(t_b / h_b, largest)

    The target t favours high scores by the temperature tau, and bins with more than a share of about lambda, as
    the few rows of other bins would dominate the training.

    Attributes:
        bins: their number.
        temperature: tau, in standard deviations of the score; 0 for the distance from the best score to the
            0.9-quantile.
        smoothing: lambda.
        largest: the cap.
    """

    bins: int = 20
    temperature: float = 0.1
    smoothing: float = 1e-3
    largest: float = 5.0

    def weights(self, y: Tensor) -> Tensor:
        """The weight of each standardised score y (N,), (N,): at least 0, and 1 on average where none is capped."""
        each = self.target(y) / (self.shares(y) + EMPTY)
        return each.clamp(max=self.largest)[self.bins_of(y)]

    def bins_of(self, y: Tensor) -> Tensor:
        """The bin of each score, (N,) in [0, bins): closed below, and the last one above too."""
        return torch.bucketize(y, self._edges(y)[1:-1], right=True)

    def shares(self, y: Tensor) -> Tensor:
        """The share of the scores in each bin, h (bins,)."""
        return torch.bincount(self.bins_of(y), minlength=self.bins).to(y.dtype) / len(y)

    def target(self, y: Tensor) -> Tensor:
        """The target's share of each bin, t (bins,), which sum to 1."""
        upper, share = self._edges(y)[1:], self.shares(y)
        leaning = torch.softmax(upper / self.temperature_of(y), 0)
        # Without smoothing an empty bin is 0 / 0.
        target = torch.where(share > 0, leaning * share / (share + self.smoothing), 0.0)
        return target / (target.sum() + EMPTY)

    def temperature_of(self, y: Tensor) -> float | Tensor:
        """The temperature, given or from the scores; at least `COLDEST`."""
        if self.temperature > 0:
            return max(self.temperature, COLDEST)
        return (y.amax() - y.quantile(0.9)).clamp(min=COLDEST)

    def _edges(self, y: Tensor) -> Tensor:
        step = torch.linspace(0, 1, self.bins + 1, dtype=y.dtype, device=y.device)
        return torch.lerp(y.amin(), y.amax(), step)


def effective(w: Tensor) -> Tensor:
    """The effective number of rows (sum w)^2 / sum w^2 of weights (N,), ().

    >>> effective(torch.tensor([2.0, 2.0, 0.0]))
    tensor(2.)
    """
    return w.sum() ** 2 / (w**2).sum()
