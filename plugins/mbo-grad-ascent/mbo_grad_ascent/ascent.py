"""The ascent operator on designs, shared by the update and by the adversary of COMs."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad

from mbo_core.functional import keys
from mbo_core.stages import Key


def scaled(step_size: float, x: Tensor) -> float:
    """The step on encoded designs x (n, d): `step_size * sqrt(d)`, as in Design-Bench's baselines."""
    return step_size * math.sqrt(x.shape[-1])


def slope_of(score: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The gradient (n, d) of each design's score, of a function of (n, d) to (n,)."""
    return grad(lambda designs: score(designs).sum())


def ascend(
    slope: Callable[[Tensor], Tensor],
    x: Tensor,
    step_size: float,
    steps: int,
    entropy_weight: float,
    key: Key,
    project: Callable[[Tensor], Tensor] = lambda x: x,
) -> Tensor:
    """Take plain gradient steps: no momentum or clipping; designs interact only through the entropy.

    `x <- x + step_size * sqrt(d) * d/dx [ sum_i score(x_i) + n * entropy_weight * H(x) ]` with
    `H(x) = mean_ik (x_ik - x_pi(i)k)^2` over a fresh random pairing pi in each step (COMs, released code).

    Args:
        slope: the gradient of the score at designs (n, d), (n, d).
        x: (n, d) the start.
        step_size: eta_0, before the factor sqrt(d).
        steps: their number.
        entropy_weight: c_ent; 0 in every published setting.
        key: for the pairings.
        project: what each step ends with, e.g. the map into the space.

    Returns:
        (n, d), carrying no gradient.
    """
    length = scaled(step_size, x)
    for number in range(steps):
        # Deriving a key costs as much as the gradient of a small network, and only the pairing is drawn with it.
        pairing = keys.fold_in(key, number) if entropy_weight else key
        x = project(x + length * direction(slope, x, entropy_weight, pairing))
    return x.detach()


def direction(slope: Callable[[Tensor], Tensor], x: Tensor, entropy_weight: float, key: Key) -> Tensor:
    """The gradient (n, d) of the score and, if it has a weight, of the entropy, at designs x (n, d)."""
    if not entropy_weight:
        return slope(x)
    return slope(x) + entropy_gradient(key, x, entropy_weight)


def entropy_gradient(key: Key, x: Tensor, entropy_weight: float) -> Tensor:
    """The gradient (n, d) of n * c_ent * H(x), in closed form; 0 for a single design, which is its own partner."""
    partner = keys.permutation(key, x.shape[0])
    pull = x - x[partner]
    # Each design is in H twice: with its partner, and as the partner of another.
    inverse = torch.argsort(partner)
    return 2 * entropy_weight / x.shape[1] * (pull - pull[inverse])
