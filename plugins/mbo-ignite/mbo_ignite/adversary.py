"""The adversary of IGNITE: weights that raise the mean prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import optree
import torch
from torch import Tensor
from torch.func import grad

from mbo_core.stages import Adversary, Batch, Data, Key, Mined, Model, Moves, Params, State, option

FLAT = 1e-12
"""A gradient of this norm or less gives no direction, and the weights stay."""


@dataclass(frozen=True, kw_only=True)
class MeanAscent(Adversary):
    """Moves the weights by one step of length `radius` up the mean prediction G on the batch.

    `d = radius * grad G / |grad G|`, with one norm over all tensors together: to first order the largest rise of G in a
    ball around the weights (Dao, Nguyen, Truong and Hoang, "Incorporating surrogate gradient norm to improve offline
    optimization techniques", NeurIPS 2024, arXiv:2503.04242). It keeps no state.
    """

    radius: float = option(0.2, "length of the step, r, over all weights together", at_least=0.0)

    name: ClassVar[str] = "mean-ascent"
    moves: ClassVar[frozenset[Moves]] = frozenset({"weights"})

    def init(self, key: Key, data: Data) -> tuple[()]:
        """No state."""
        return ()

    def mine(self, key: Key, state: State, model: Model, start: Mined, batch: Batch) -> tuple[Mined, State]:
        """The moved weights, detached; the designs stay."""

        def mean(params: Params) -> Tensor:
            return (batch.w * model.predict(params, start.x).mean).mean()

        slope = grad(mean)(start.params)
        size = self._size(optree.tree_leaves(slope))
        moved = optree.tree_map(lambda weight, one: (weight + size * one).detach(), start.params, slope)
        return start._replace(params=moved), state

    def _size(self, slopes: list[Tensor]) -> Tensor:
        """The step's length over that of the gradient, (); 0 where the gradient vanishes."""
        norm = torch.stack([cast(Tensor, torch.linalg.vector_norm(one)) for one in slopes]).norm()
        flat = norm <= FLAT
        return torch.where(flat, 0.0, self.radius / torch.where(flat, 1.0, norm))
