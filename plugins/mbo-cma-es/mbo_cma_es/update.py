"""Independent searches by CMA-ES, one from each of the best designs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from mbo_cma_es.run import Drawn, Run, Search
from mbo_cma_es.shape import Full, Separable
from mbo_cma_es.strategy import population_of, strategy
from mbo_core.functional import keys
from mbo_core.stages import (
    CANDIDATES,
    Ability,
    Data,
    Info,
    Key,
    Proxy,
    Update,
    check_starts,
    option,
    stage_option,
    top,
)


class CMAState(NamedTuple):
    """The runs, with a leading axis of candidates, and the trained proxy."""

    runs: Run
    proxy: Any


@dataclass(frozen=True, kw_only=True)
class CMAES(Update):
    """CMA-ES from each of the best designs in the data; a run proposes the best design that it sampled.

    Hansen and Ostermeier, "Completely derandomized self-adaptation in evolution strategies", 2001, with the defaults
    that Hansen's library `cma` has since, negative weights among them. The runs are independent. Each
    sees the proxy's mean and no gradient; all of them, of all seeds, are predicted in one batch a generation.

    A step of the search takes as many generations as share a decomposition of the covariance: one up to 87
    coordinates, two or three up to 256.
    """

    proxy: Proxy = stage_option("the proxy whose mean is searched")
    candidates: int = option(CANDIDATES, "number of designs, and of runs", at_least=1, share=1)
    generations: int = option(100, "the most generations per run", at_least=0)
    step_size: float = option(0.5, "standard deviation of the first samples, sigma_0, in encoded units", above=0.0)
    population: int = option(0, "samples per generation, lambda, at least 3; 0 for 4 + floor(3 ln d)", at_least=0)
    separable_above: int = option(
        256,
        "above this many coordinates only the covariance's diagonal is kept; published runs keep all",
        at_least=0,
    )
    score_start: bool = option(
        False, "count the start among the sampled designs; the library, and so the published runs, do not"
    )

    name: ClassVar[str] = "cma-es"
    infos: ClassVar[Mapping[str, str]] = {
        "predicted": "the best score that each candidate's run has found",
        "sigma": "the step size of each run",
        "stopped": "1 for each run that has met a criterion to stop",
    }

    def __post_init__(self) -> None:
        if self.population in {1, 2}:
            raise ValueError(f"population={self.population} is too small; give 3 or more, or 0 for the default")

    @property
    def needs(self) -> frozenset[Ability]:
        """An order: it only compares."""
        return frozenset({"order"})

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates."""
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """The number of steps; surplus generations of the last one are not run."""
        shared = self.search(data.x.shape[1]).strategy.shared
        return math.ceil(self.generations / shared)

    def init(self, key: Key, data: Data, proxy_state: Any) -> CMAState:
        """Isotropic laws around the best designs in the data."""
        x = top(data, self.candidates)
        scores = self._scores(proxy_state, x)
        to_beat = scores if self.score_start else torch.full_like(scores, -torch.inf)
        return CMAState(vmap(self.search(x.shape[1]).start)(x, to_beat), proxy_state)

    def step(self, key: Key, state: CMAState, data: Data, number: int) -> tuple[CMAState, Info]:
        """The next generations of each run."""
        search, runs = self.search(data.x.shape[1]), state.runs
        drawn = vmap(search.draw)(keys.split(key, self.candidates), runs)
        for z, y in zip(drawn.z.unbind(1), drawn.y.unbind(1), strict=True):
            # What is scored and proposed lies in the space; the law that is adapted knows nothing of it.
            x = data.space.project(vmap(search.designs)(runs, y))
            runs = vmap(search.tell)(runs, Drawn(z, y, drawn.condition), x, self._scores(state.proxy, x))
        info = {"predicted": runs.best_score, "sigma": runs.law.sigma, "stopped": runs.stopped.double()}
        return state._replace(runs=runs), info

    def designs(self, state: CMAState) -> Tensor:
        """The best design of each run."""
        return state.runs.best_x

    def search(self, d: int) -> Search:
        """The run's constants for d coordinates."""
        separable = d > self.separable_above
        constants = strategy(d, self.population or population_of(d), separable)
        return Search(constants, Separable() if separable else Full(), self.step_size, self.generations)

    def _scores(self, proxy_state: Any, x: Tensor) -> Tensor:
        """Predicted scores (...) of designs (..., d), in one batch; NaN becomes the lowest."""
        # Detached: the weights of a torch module require gradients, which would keep every generation in memory
        # with the best scores.
        scores = self.proxy.predict(proxy_state, x.flatten(0, -2)).mean.detach().reshape(x.shape[:-1])
        return torch.where(scores.isnan(), -torch.inf, scores).double()
