"""The multiplier of COMs: how much overestimation counts, moved so that it stays below a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mbo_core.functional.optim import Adam, AdamState


class MultiplierState(NamedTuple):
    """The multiplier's logarithm, and the moments of its optimiser."""

    log: Tensor
    """() ln alpha"""
    optimiser: AdamState


@dataclass(frozen=True)
class Multiplier:
    """The weight alpha of an overestimation Delta in a loss: ln alpha minimises `alpha * limit - alpha * Delta`.

    Attributes:
        initial: alpha before training; exactly 0 leaves it at 0.
        limit: tau, in the units of Delta.
        learning_rate: of Adam on ln alpha; 0 fixes alpha.
    """

    initial: float
    limit: float
    learning_rate: float

    def init(self, device: torch.device) -> MultiplierState:
        """The initial multiplier."""
        # With a multiplier of exactly 0 the logarithm is never used; 0 keeps it finite.
        log = torch.full((), math.log(self.initial) if self.initial else 0.0, device=device)
        return MultiplierState(log, self._adam.init(log))

    def value(self, state: MultiplierState) -> Tensor:
        """Alpha, ()."""
        alpha = state.log.exp()
        return alpha if self.initial else torch.zeros_like(alpha)

    def step(self, state: MultiplierState, overestimation: Tensor, weight: Tensor) -> MultiplierState:
        """One step on ln alpha.

        Args:
            state: before the step.
            overestimation: () the mean of w * Delta over a batch.
            weight: () the mean of its weights w.
        """
        # d/d ln(alpha) of mean_i w_i (alpha * limit - alpha * Delta_i): alpha rises while Delta exceeds the limit.
        slope = self.value(state) * (weight * self.limit - overestimation)
        return MultiplierState(*self._adam.step(state.log, slope, state.optimiser))

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate)
