"""The adversary of RoMA: weights that climb the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mbo_core.stages import Adversary, Batch, Data, Key, Mined, Model, Moves, State, option
from mbo_roma.ball import Ball


@dataclass(frozen=True, kw_only=True)
class WeightAscent(Adversary):
    """Moves the weights, within a small ball around them, to where the loss on the batch is highest.

    The inner maximum of `min_theta max_{theta' in B_eps(theta)} loss(theta')` (Yu, Ahn, Song and Shin, "RoMA",
    NeurIPS 2021, arXiv:2110.14188, stage 1), by `steps` normalised gradient steps: see `mbo_roma.ball.Ball`. It
    keeps no state: each batch starts from the weights as they are.
    """

    radius: float = option(
        5e-3,
        "of the ball, relative to each tensor's norm, epsilon; 5e-4 on Superconductor and in latents",
        at_least=0.0,
    )
    steps: int = option(20, "number of steps, which share the radius", at_least=0)
    biases: bool = option(
        True, "move every tensor with a leading dimension above 1, biases too (released code); else only matrices"
    )

    name: ClassVar[str] = "weight-ascent"
    moves: ClassVar[frozenset[Moves]] = frozenset({"weights"})

    def init(self, key: Key, data: Data) -> tuple[()]:
        """No state."""
        return ()

    def mine(self, key: Key, state: State, model: Model, start: Mined, batch: Batch) -> tuple[Mined, State]:
        """The moved weights, detached; the designs stay."""
        ball = Ball(self.radius, self.steps, self.biases)
        return start._replace(params=ball.ascend(lambda params: model.loss(params, batch), start.params)), state
