"""The update `q-acquisition`: batches chosen jointly under a Gaussian process."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, cast

import torch
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import CANDIDATES, Ability, Data, Info, Key, Proxy, Update, check_starts, option, stage_option, top
from mbo_gp.coordinates import Coordinates
from mbo_gp.records import Acquisition, Effort, Known

if TYPE_CHECKING:
    from mbo_gp.posterior import Process

POSTERIOR = cast(Ability, "mbo-gp:posterior")
"""The ability of a proxy that gives the joint posterior of several designs: the method of `WithPosterior`."""


class WithPosterior(Protocol):
    """A proxy with the ability `mbo-gp:posterior`."""

    def posterior(self, state: Any) -> Process:
        """The fitted process as a model of botorch, for encoded designs."""


class SearchState(NamedTuple):
    """The rows to improve on, and what has been chosen."""

    baseline: Tensor
    """(b, d) the rows with the largest predictions"""
    spare: Tensor
    """(candidates, d) the best rows, in place of designs that a search did not find"""
    proposed: Tensor
    """(p, d) the batches so far"""
    stopped: bool
    """whether a numerical breakdown ended the search"""
    proxy: Any


@dataclass(frozen=True, kw_only=True)
class QAcquisition(Update):
    """Batches with the largest q-log-expected improvement (Ament et al. 2023), each given those before it.

    One design after another is found given those before it: free numbers by L-BFGS-B, with levels, letters or steps by
    botorch's mixed search. Where all are free numbers the batch then moves together. Sums, bounds and what is held are
    constraints. Steps that a sum binds, and those of many values, are taken by decoding.
    """

    proxy: Proxy = stage_option("the Gaussian process")
    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)
    batch: int = option(16, "designs that are chosen jointly, q; more candidates take more rounds", at_least=1)
    acquisition: Acquisition = option(
        "log-nei", "q-log-noisy-expected improvement on the rows, or log-ei: on the best score"
    )
    baseline: int = option(100, "the most promising rows, which log-nei improves on", at_least=1)
    samples: int = option(128, "samples of the posterior, a Sobol sequence, for the expectation", at_least=1)
    restarts: int = option(4, "starts of the search", at_least=1)
    raw_samples: int = option(128, "designs drawn at random, of which the most promising are the starts", at_least=1)
    iterations: int = option(200, "the most iterations of L-BFGS-B per start", at_least=1)
    at_once: int = option(5, "starts optimised together; more need more memory", at_least=1)

    name: ClassVar[str] = "q-acquisition"
    from_designs: ClassVar[bool] = False
    infos: ClassVar[Mapping[str, str]] = {
        "improvement": "the logarithm of the batch's expected improvement",
        "predicted": "the mean of the predictions for what has been chosen",
        "stopped": "1 once the search has stopped",
    }
    notes: ClassVar[Mapping[str, str]] = {
        "stopped": "arithmetic broke down before the last batch: the best rows of the data fill up the candidates"
    }
    lift = "loop"

    def __post_init__(self) -> None:
        if self.restarts > self.raw_samples:
            raise ValueError(
                f"restarts={self.restarts} exceeds raw_samples={self.raw_samples}, from which they are chosen"
            )

    @property
    def needs(self) -> frozenset[Ability]:
        """Scores, and the joint posterior of several designs."""
        return frozenset({"values", POSTERIOR})

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates."""
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """The number of batches."""
        return math.ceil(self.candidates / self.batch)

    def init(self, key: Key, data: Data, proxy_state: Any) -> SearchState:
        """The most promising rows."""
        predicted = self._predicted(proxy_state, data.x)
        rows = torch.sort(predicted, descending=True, stable=True).indices[: self.baseline]
        return SearchState(data.x[rows], top(data, self.candidates), data.x[:0], False, proxy_state)

    def step(self, key: Key, state: SearchState, data: Data, number: int) -> tuple[SearchState, Info]:
        """One batch."""
        found = None if state.stopped else self._searched(key, state, data)
        if found is None:
            return self._told(state._replace(stopped=True), data.y.new_zeros(()))
        x, improvement = found
        proposed = torch.cat([state.proposed, data.space.project(x.float())])
        return self._told(state._replace(proposed=proposed), improvement)

    def designs(self, state: SearchState) -> Tensor:
        """What has been chosen, and the best rows for what has not."""
        return torch.cat([state.proposed, state.spare])[: self.candidates]

    def _searched(self, key: Key, state: SearchState, data: Data) -> tuple[Tensor, Tensor] | None:
        from mbo_gp.search import search

        coordinates = Coordinates(data.space)
        process = cast(WithPosterior, self.proxy).posterior(state.proxy)
        known = Known(coordinates.of(state.baseline), data.y.max().double(), coordinates.of(state.proposed))
        effort = Effort(self.samples, self.restarts, self.raw_samples, self.at_once, self.iterations)
        left = min(self.batch, self.candidates - len(state.proposed))
        # The library draws from global generators.
        with keys.lend(key):
            return search(process, coordinates, known, self.acquisition, left, effort)

    def _predicted(self, proxy_state: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.proxy.predict(proxy_state, x).mean

    def _told(self, state: SearchState, improvement: Tensor) -> tuple[SearchState, Info]:
        predicted = self._predicted(state.proxy, self.designs(state)).mean()
        stopped = torch.full_like(predicted, float(state.stopped))
        return state, {"improvement": improvement.to(predicted), "predicted": predicted, "stopped": stopped}
