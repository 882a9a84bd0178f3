"""Distributions over designs, as functions of one tensor of parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, one_hot

from mbo_core.functional import keys
from mbo_core.stages import Key


class Policy(Protocol):
    """A distribution pi over single designs (n, d), and its parameters psi, one tensor."""

    def start(self, designs: Tensor) -> Tensor:
        """The parameters that fit designs (n, d)."""

    def sample(self, key: Key, params: Tensor, count: int) -> Tensor:
        """Draw designs, (count, d)."""

    def log_likelihood(self, params: Tensor, x: Tensor) -> Tensor:
        """Log pi(x) of whole designs, (n,): summed over positions or coordinates."""

    def entropy(self, params: Tensor) -> Tensor:
        """The entropy of the policy, in nats, ()."""


@dataclass(frozen=True)
class Normal:
    """Independent normal coordinates N(m, s^2); the parameters are the means m, (d,).

    Attributes:
        std: s, the same for every coordinate and never changed.
    """

    std: float

    def start(self, designs: Tensor) -> Tensor:
        """The mean of the designs, (d,)."""
        return designs.mean(0)

    def sample(self, key: Key, params: Tensor, count: int) -> Tensor:
        """The means with noise, (count, d)."""
        return params + self.std * keys.normal(key, (count, len(params)))

    def log_likelihood(self, params: Tensor, x: Tensor) -> Tensor:
        """The sum over coordinates of the normal log-density, (n,)."""
        each = -0.5 * ((x - params) / self.std) ** 2 - math.log(self.std) - 0.5 * math.log(2 * math.pi)
        return each.sum(-1)

    def entropy(self, params: Tensor) -> Tensor:
        """A constant, ()."""
        return params.new_tensor(len(params) * (0.5 * math.log(2 * math.pi * math.e) + math.log(self.std)))


@dataclass(frozen=True)
class Categorical:
    """An independent category at each position of one-hot designs, d = L * K; the parameters are logits (L, K).

    Attributes:
        length: positions of a design, L.
        classes: tokens at each position, K.
        smoothing: the share of the probability that `start` spreads evenly over all tokens of a position. At 0 a
            token that no design has at a position gets the logit -inf there: it is never drawn, and its gradient
            is 0.
    """

    length: int
    classes: int
    smoothing: float = 0.0

    def start(self, designs: Tensor) -> Tensor:
        """The log of each token's frequency at each position, (L, K)."""
        frequencies = self._rows(designs).mean(0)
        return torch.log((1 - self.smoothing) * frequencies + self.smoothing / self.classes)

    def sample(self, key: Key, params: Tensor, count: int) -> Tensor:
        """One-hot rows, (count, d)."""
        tokens = keys.categorical(key, params.expand(count, *params.shape))
        return one_hot(tokens, self.classes).flatten(-2).to(params.dtype)

    def log_likelihood(self, params: Tensor, x: Tensor) -> Tensor:
        """The sum over positions of the token's log-probability, (n,)."""
        log_p = log_softmax(params, -1)
        # Selected, not multiplied by the one-hot row, as 0 * -inf is NaN.
        return torch.where(self._rows(x) > 0, log_p, torch.zeros_like(log_p)).sum((-2, -1))

    def entropy(self, params: Tensor) -> Tensor:
        """The sum over positions, () from 0 to L * ln K."""
        each: Tensor = torch.special.entr(params.softmax(-1))
        return each.sum()

    def _rows(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.length, self.classes)
