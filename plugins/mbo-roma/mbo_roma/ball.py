"""The search in a small ball of weights, shared by the adversary and the update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optree
import torch
from torch import Tensor
from torch.func import grad

from mbo_core.stages import Params

SMALL = 1e-6
"""Added to a gradient's norm before the division. The released code has it in the update but not in the adversary,
where a tensor without gradient gives 0 / 0."""


@dataclass(frozen=True)
class Ball:
    """Weights within a relative distance of their centre, each tensor by itself.

    `B_eps(theta) = { theta' : ||theta'_l - theta_l|| <= eps * ||theta_l|| for each tensor l }`, Frobenius norms.

    Attributes:
        radius: eps; at 0 the centre is the whole ball.
        steps: how many steps of length `eps / steps * ||theta_l||` a search takes. Together they cannot leave the
            ball, so there is no projection.
        biases: released code, True: a "layer" is any tensor with a leading dimension above 1, biases included. Else
            it is a matrix, as in adversarial weight perturbation (Wu, Xia and Wang, 2020).
        members: whether each tensor has a leading member axis; each member then has its own norms.
    """

    radius: float
    steps: int
    biases: bool = True
    members: bool = False

    def ascend(self, objective: Callable[[Params], Tensor], centre: Params) -> Params:
        """Raise `objective`, params to (), from the centre; see `descend`."""
        return self._search(objective, centre, 1.0)

    def descend(self, objective: Callable[[Params], Tensor], centre: Params) -> Params:
        """Lower `objective`, params to (), from the centre.

        Each step moves each tensor by `-eps / steps * ||theta_l|| * g_l / (||g_l|| + 1e-6)`: g is the gradient where
        the search stands, theta the centre. A tensor that is 0 at the centre stays 0.

        Returns:
            The final weights, a nest like `centre`, without a gradient.
        """
        return self._search(objective, centre, -1.0)

    def displacement(self, centre: Params, moved: Params) -> Tensor:
        """The relative change, (): the largest `||theta'_l - theta_l|| / ||theta_l||`, 0 for one that is 0."""
        pairs = zip(optree.tree_leaves(centre), optree.tree_leaves(moved), strict=True)
        ratios = [self._ratio(before, after).amax() for before, after in pairs if self._moves(before)]
        return torch.stack(ratios).amax() if ratios else torch.zeros(())

    def _search(self, objective: Callable[[Params], Tensor], centre: Params, sign: float) -> Params:
        leaves, structure = optree.tree_flatten(optree.tree_map(torch.Tensor.detach, centre))
        places = [place for place, leaf in enumerate(leaves) if self._moves(leaf)]

        def put(tensors: Sequence[Tensor]) -> Params:
            moved = dict(zip(places, tensors, strict=True))
            return structure.unflatten([moved.get(place, leaf) for place, leaf in enumerate(leaves)])

        if not (places and self.radius and self.steps):
            return structure.unflatten(leaves)
        slope = grad(lambda tensors: objective(put(tensors)))
        return put(self._walk(slope, [leaves[place] for place in places], sign))

    def _walk(self, slope: Callable[[list[Tensor]], list[Tensor]], start: list[Tensor], sign: float) -> list[Tensor]:
        lengths = [sign * self.radius / self.steps * self._norm(tensor) for tensor in start]
        # The displacement is summed separately, as steps of a few units in the last place would be rounded away.
        way = [torch.zeros_like(tensor) for tensor in start]
        for _ in range(self.steps):
            slopes = slope(list(map(torch.add, start, way)))
            sizes = [length / (self._norm(one) + SMALL) for length, one in zip(lengths, slopes, strict=True)]
            way = list(map(torch.addcmul, way, sizes, slopes))
        return list(map(torch.add, start, way))

    def _moves(self, leaf: Tensor) -> bool:
        shape = leaf.shape[self._leading :]
        return (len(shape) > 0 and shape[0] > 1) if self.biases else len(shape) > 1

    def _norm(self, tensor: Tensor) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(tensor, dim=tuple(range(self._leading, tensor.ndim)), keepdim=True)
        return norm

    def _ratio(self, before: Tensor, after: Tensor) -> Tensor:
        tiny = torch.finfo(before.dtype).tiny
        return self._norm(after - before) / self._norm(before).clamp(min=tiny)

    @property
    def _leading(self) -> int:
        return 1 if self.members else 0
