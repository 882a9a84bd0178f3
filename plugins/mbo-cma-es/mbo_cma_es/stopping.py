"""When a run ends before its last generation: the criteria of the library, at its defaults, that can come first.

Left out are those of `cma` 3.0.3 which cannot: `tolstagnation` needs some 500 generations, `tolupsigma` comes long
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
"""`tolfacupx`: a standard deviation is more than so many times that of the start."""
EQUAL_SCORES = 1e-11
"""`tolfun`: the scores of a generation differ by less, and so do the best ones of the last generations."""
EQUAL_BEST = 1e-12
"""`tolfunhist`: the best scores of the last generations, from the tenth on, differ by less."""
LARGE_CONDITION = 1e14
"""`tolconditioncov`: that of the covariance from which was drawn is larger."""
FLAT = 1
"""`tolflatfitness`: in more generations in a row the best three quarters of the scores, and one more, are equal."""


class History(NamedTuple):
    """What the criteria remember of a run."""

    best: Tensor
    """(length,) the best score of each of the last generations, the latest first"""
    flat: Tensor
    """() the latest generations in a row that were flat"""


def length(d: int, population: int) -> int:
    """How many generations are remembered."""
    return int(10 + 30 * d / population)


def remember(history: History, scores: Tensor, generation: Tensor) -> History:
    """Take in the scores (lambda,) of a generation, the best first; `generation` () counts it."""
    # The first fills all places, which leaves the range of what there was as it is.
    earlier = torch.where(generation <= 1, scores[0].expand_as(history.best), history.best)
    flat = (scores[0] <= scores[int(0.75 * len(scores))]).double()
    return History(torch.cat([scores[:1], earlier])[:-1], flat * (history.flat + 1))


def ended(law: Law, history: History, scores: Tensor, condition: Tensor, sigma: float, shape: Shape) -> Tensor:
    """Whether a run ends after a generation, () bool.

    Args:
        law: after it.
        history: with it.
        scores: (lambda,) its scores, the best first.
        condition: () of the covariance from which it was drawn.
        sigma: the step size at the start.
        shape: of the covariance.
    """
    stds = law.sigma * shape.variances(law.covariance).sqrt()
    past = history.best.amax() - history.best.amin()
    # The library compares the path with its sign, so a long one that points down counts as short.
    small = (stds < SMALL_STEPS).all() & (law.sigma * law.path < SMALL_STEPS).all()
    equal = (scores[0] - scores[-1] < EQUAL_SCORES) & (past < EQUAL_SCORES)
    stale = (law.generation > 9) & (past < EQUAL_BEST)
    large = (stds > LARGE_STEPS * sigma).any()
    return small | large | equal | stale | (condition > LARGE_CONDITION) | (history.flat > FLAT)
