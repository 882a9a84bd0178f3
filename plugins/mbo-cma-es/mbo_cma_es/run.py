"""One run: its law, its best design, and whether it has stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import optree
import torch
from torch import Tensor

from mbo_cma_es import law as laws
from mbo_cma_es import stopping
from mbo_cma_es.law import Law, Ranked
from mbo_cma_es.shape import Shape
from mbo_cma_es.stopping import History
from mbo_cma_es.strategy import Strategy
from mbo_core.functional import keys
from mbo_core.stages import Key


class Run(NamedTuple):
    """A run's state."""

    law: Law
    history: History
    best_x: Tensor
    """(d,) the design with the largest score so far, or the start."""
    best_score: Tensor
    """() its score, float64"""
    stopped: Tensor
    """() bool"""


class Drawn(NamedTuple):
    """Samples of the generations that share a decomposition or, without the first axis, of one generation."""

    z: Tensor
    """(generations, lambda, d) standard normal"""
    y: Tensor
    """(generations, lambda, d) stretched to N(0, C)"""
    condition: Tensor
    """() of C, the largest over the smallest eigenvalue"""


@dataclass(frozen=True)
class Search:
    """CMA-ES for one run; many are lifted with vmap.

    Attributes:
        strategy: its constants.
        shape: of the covariance.
        sigma: the step size at the start.
        generations: the most per run.
    """

    strategy: Strategy
    shape: Shape
    sigma: float
    generations: int

    def start(self, x: Tensor, score: Tensor) -> Run:
        """A run from a design x (d,) with its score () float64; -inf if the start does not count."""
        remembered = min(self.generations, stopping.length(len(x), len(self.strategy.weights)))
        none = torch.zeros_like(score)
        history = History(none.repeat(max(remembered, 1)), none)
        return Run(laws.start(x, self.sigma, self.shape), history, x, score, none.bool())

    def draw(self, key: Key, run: Run) -> Drawn:
        """Samples for the next generations."""
        count = (self.strategy.shared, len(self.strategy.weights), len(run.best_x))
        z = keys.normal(key, count).double()
        return Drawn(z, *self.shape.stretch(run.law.covariance, z))

    def designs(self, run: Run, y: Tensor) -> Tensor:
        """The designs (lambda, d) of stretched samples, as input for the proxy."""
        return (run.law.mean + run.law.sigma * y).to(run.best_x.dtype)

    def tell(self, run: Run, drawn: Drawn, x: Tensor, scores: Tensor) -> Run:
        """The run after a generation: its samples, as designs x (lambda, d), and their scores (lambda,) float64.

        A run that has stopped does not change.
        """
        order = torch.sort(scores, descending=True, stable=True).indices
        ranked, ordered = Ranked(drawn.z[order], drawn.y[order]), scores[order]
        law = laws.adapt(run.law, ranked, self.strategy, self.shape)
        history = stopping.remember(run.history, ordered, law.generation)
        better = ordered[0] > run.best_score
        told = Run(
            law=law,
            history=history,
            best_x=torch.where(better, x[order[0]], run.best_x),
            best_score=torch.where(better, ordered[0], run.best_score),
            stopped=stopping.ended(law, history, ordered, drawn.condition, self.sigma, self.shape),
        )
        over = run.stopped | (run.law.generation >= self.generations)
        kept: Any = optree.tree_map(lambda new, old: torch.where(over, old, new), cast(Any, told), cast(Any, run))
        return cast(Run, kept)
