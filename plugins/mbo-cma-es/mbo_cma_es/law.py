"""The search law of one run, N(mean, sigma^2 C), and how a generation of ranked samples changes it.

Equations are those of Hansen, "The CMA evolution strategy: a tutorial" (arXiv:1604.00772). A sample is
`x = mean + sigma * y` with `y = C^(1/2) z` and z standard normal. With the symmetric root the tutorial's
`C^(-1/2) y` is z itself, so that nothing is ever inverted.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mbo_cma_es.shape import Covariance, Shape
from mbo_cma_es.strategy import Strategy


class Law(NamedTuple):
    """A run's law and its two paths, float64."""

    mean: Tensor
    """(d,) m"""
    sigma: Tensor
    """() step size"""
    covariance: Covariance
    """C, (d, d) or (d,)"""
    sigma_path: Tensor
    """(d,) p_sigma"""
    path: Tensor
    """(d,) p_c"""
    generation: Tensor
    """() how many there were"""


class Ranked(NamedTuple):
    """The samples of a generation, best first."""

    z: Tensor
    """(lambda, d) standard normal"""
    y: Tensor
    """(lambda, d) C^(1/2) z, with the root used for the draw"""


def start(x: Tensor, sigma: float, shape: Shape) -> Law:
    """The isotropic law around a design x (d,)."""
    mean = x.double()
    none = torch.zeros_like(mean)
    # Zeros derived from the design, so that under vmap each run has its own tensors.
    covariance = shape.start(len(mean)).to(mean.device) + none[0]
    return Law(mean, none[0] + sigma, covariance, none, none.clone(), none[0].clone())


def adapt(law: Law, ranked: Ranked, strategy: Strategy, shape: Shape) -> Law:
    """The law after a generation."""
    d, generation = len(law.mean), law.generation + 1
    weights = law.mean.new_tensor(strategy.weights)
    recombine = weights.clamp(min=0)
    step, white = recombine @ ranked.y, recombine @ ranked.z
    sigma_path = _moved(law.sigma_path, white, strategy.sigma_rate, strategy.mu_eff)  # (43)
    growth = 1 - (1 - strategy.sigma_rate) ** (2 * generation)
    calm = ((sigma_path**2).sum() / growth / d < 2 + 4 / (d + 1)).double()  # h_sigma
    path = _moved(law.path, calm * step, strategy.path_rate, strategy.mu_eff)  # (45)
    longer = sigma_path.norm() / expected_norm(d) - 1
    change = (strategy.sigma_rate / strategy.sigma_damping * longer).clamp(-1, 1)  # (44), bounded as in the library
    return Law(
        mean=law.mean + law.sigma * step,  # (42)
        sigma=law.sigma * change.exp(),
        covariance=_learnt(law.covariance, path, calm, weights, ranked, strategy, shape),
        sigma_path=sigma_path,
        path=path,
        generation=generation,
    )


def expected_norm(d: int) -> float:
    """The mean length of a standard normal vector of d coordinates.

    >>> round(expected_norm(2), 6)
    1.253314
    """
    return math.sqrt(2) * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))


def _moved(path: Tensor, step: Tensor, rate: float, mu_eff: float) -> Tensor:
    return (1 - rate) * path + math.sqrt(rate * (2 - rate) * mu_eff) * step


def _learnt(
    covariance: Covariance,
    path: Tensor,
    calm: Tensor,
    weights: Tensor,
    ranked: Ranked,
    strategy: Strategy,
    shape: Shape,
) -> Covariance:
    """The rank-one and the rank-mu update, (47).

    A sample with a negative weight counts as if it were of length sqrt(d) in C's own units, (46), so that no single one
    can make C indefinite. If h_sigma is 0, the decay compensates for the step missing from the path.
    """
    lengths = len(path) / (ranked.z.norm(dim=1) + 1e-9) ** 2
    bounded = torch.where(weights < 0, weights * lengths, weights)
    rank_one = strategy.rank_one_rate * (1 - (1 - calm) * strategy.path_rate * (2 - strategy.path_rate))
    decay = 1 - rank_one - strategy.rank_mu_rate * weights.sum()
    all_weights = torch.cat([calm.new_full((1,), strategy.rank_one_rate), strategy.rank_mu_rate * bounded])
    return shape.learn(covariance, decay, all_weights, torch.cat([path[None], ranked.y]))
