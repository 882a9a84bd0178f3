"""Two kernels: a Gaussian one, and that of an infinitely wide network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

KernelName: TypeAlias = Literal["rbf", "ntk"]

LAYERS = 5
"""Hidden layers of the network of BDI, each followed by a ReLU; the sixth layer is linear."""
EDGE = 1 - 1e-12
"""Angles whose cosine is larger than this are 0: the derivative of the angle is infinite there."""
TINY = 1e-300
"""Guards divisions by the norm of a design that is 0."""


@dataclass(frozen=True)
class Kernel:
    """How alike designs are.

    * `rbf`: `exp(-|a - b|^2 / (2 l^2))`, with the lengthscale l in units of sqrt(d).
    * `ntk`: the neural tangent kernel of a ReLU network of 5 hidden layers with weights of unit variance and no biases
      (Jacot, Gabriel and Hongler, NeurIPS 2018), as in BDI. It has no lengthscale. `k(s a, b) = s k(a, b)` for s > 0.

    Attributes:
        name: which of them.
        bias: for `ntk`, whether a constant 1 is appended to each design, so that its length has a meaning.
    """

    name: KernelName
    bias: bool = False

    def between(self, a: Tensor, b: Tensor, lengthscale: Tensor | float = 1.0) -> Tensor:
        """(n, m) for designs a (n, d) and b (m, d)."""
        if self.name == "ntk":
            return ntk(self._with_bias(a), self._with_bias(b))
        return torch.exp(-_squares(a, b) / (2 * a.shape[1] * lengthscale**2))

    def diagonal(self, a: Tensor) -> Tensor:
        """The kernel of each design with itself, (n, d) to (n,)."""
        if self.name == "ntk":
            return self._with_bias(a).square().mean(1) * ((LAYERS + 1) / (1 << LAYERS))
        return torch.ones_like(a[:, 0])

    def _with_bias(self, a: Tensor) -> Tensor:
        return torch.cat([a, torch.ones_like(a[:, :1])], 1) if self.bias else a


def ntk(a: Tensor, b: Tensor) -> Tensor:
    """The neural tangent kernel (n, m) of designs a (n, d) and b (m, d): `|a| |b| / d * shape(cosine)`.

    The gradient at two designs of the same direction leaves out this pair, at which the kernel has a cusp. Second
    derivatives by the angle are left out.

    >>> ntk(torch.eye(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)[:1]).flatten()
    tensor([0.0938, 0.0280], dtype=torch.float64)
    """
    sizes = (a.square().sum(1)[:, None] * b.square().sum(1)).clamp(min=TINY).sqrt()
    cosine = a @ b.T / sizes
    fixed = cosine.detach()
    value, slope = _shape(fixed)
    # The value and the derivative of the shape, without a graph through its layers.
    return sizes / a.shape[1] * (value + slope * (cosine - fixed))


def _shape(cosine: Tensor) -> tuple[Tensor, Tensor]:
    """The kernel of designs of length sqrt(d) by the cosine of their angle, and its derivative.

    With c the cosine and t the tangent kernel in units of 2**-layer, each layer maps c to
    `(sin + (pi - angle) c) / pi` and t to that plus `t (pi - angle) / pi`.
    """
    inside = cosine.abs() < EDGE
    layer = tangent = cosine.clamp(-1, 1)
    layer_slope = tangent_slope = inside.to(cosine.dtype)
    for _ in range(LAYERS):
        sine = (1 - layer.square()).clamp(min=0).sqrt()
        share = 1 - torch.arccos(layer) / math.pi
        bend = layer_slope * torch.where(inside, 1 / (math.pi * sine), 0.0)
        layer_slope = share * layer_slope
        layer = (sine / math.pi + share * layer).clamp(-1, 1)
        tangent_slope = layer_slope + tangent_slope * share + tangent * bend
        tangent = layer + tangent * share
    return tangent / 2**LAYERS, tangent_slope / 2**LAYERS


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """The squared distances, (n, m)."""
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp(min=0)
