"""When a run stops early: the criteria of the library, at its defaults, that can apply.

Criteria of `cma` 3.0.3 that cannot are left out: `tolstagnation` needs some 500 generations, `tolupsigma` comes long
after `tolfacupx`, `noeffectaxis` and `noeffectcoord` after `tolx` unless coordinates are larger than 10,000.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mbo_cma_es.law import Law
from mbo_cma_es.shape import Shape

SMALL_STEPS = 1e-11
"""`tolx`: all standard deviations and the path are below."""
LARGE_STEPS = 1e3
"""`tolfacupx`: a standard deviation exceeds this multiple of that of the start."""
EQUAL_SCORES = 1e-11
"""`tolfun`: the scores of a generation differ by less, and so do the best scores of the last generations."""
EQUAL_BEST = 1e-12
"""`tolfunhist`: the best scores of the last generations, from the tenth on, differ by less."""
LARGE_CONDITION = 1e14
"""`tolconditioncov`: the condition of the sampling covariance is larger."""
FLAT = 1
"""`tolflatfitness`: the best three quarters of the scores, plus one, are equal in more consecutive generations."""


class History(NamedTuple):
    """A run's history for the criteria."""

    best: Tensor
    """(length,) the best score of each of the last generations, the latest first"""
    flat: Tensor
    """() number of consecutive flat generations up to now"""


def length(d: int, population: int) -> int:
    """The number of generations in the history."""
    return int(10 + 30 * d / population)


def remember(history: History, scores: Tensor, generation: Tensor) -> History:
    """Add the scores (lambda,) of a generation, best first; `generation` () is its number."""
    # The first generation fills all places, which leaves the range of the history unchanged.
    earlier = torch.where(generation <= 1, scores[0].expand_as(history.best), history.best)
    flat = (scores[0] <= scores[int(0.75 * len(scores))]).double()
    return History(torch.cat([scores[:1], earlier])[:-1], flat * (history.flat + 1))


def ended(law: Law, history: History, scores: Tensor, condition: Tensor, sigma: float, shape: Shape) -> Tensor:
    """Whether a run stops after a generation, () bool.

    Args:
        law: after it.
        history: with it.
        scores: (lambda,) its scores, best first.
        condition: () of the covariance that it was drawn from.
        sigma: the step size at the start.
        shape: of the covariance.
    """
    stds = law.sigma * shape.variances(law.covariance).sqrt()
    past = history.best.amax() - history.best.amin()
    # The library compares the signed path, so a long path that points down counts as short.
    small = (stds < SMALL_STEPS).all() & (law.sigma * law.path < SMALL_STEPS).all()
    equal = (scores[0] - scores[-1] < EQUAL_SCORES) & (past < EQUAL_SCORES)
    stale = (law.generation > 9) & (past < EQUAL_BEST)
    large = (stds > LARGE_STEPS * sigma).any()
    return small | large | equal | stale | (condition > LARGE_CONDITION) | (history.flat > FLAT)
