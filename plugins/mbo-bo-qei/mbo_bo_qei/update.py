"""Batch Bayesian optimisation with the proxy in place of the experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from mbo_gp.records import Effort
from torch import Tensor

from mbo_bo_qei.records import Found, Hyperparameters, Observed, joined, ranked, taken
from mbo_core.functional import keys
from mbo_core.stages import CANDIDATES, Ability, Data, Info, Key, Proxy, Update, check_starts, option, stage_option

LEAST_NOISE = 0.01
"""The smallest noise std with which float32 can factorise a covariance, as in the library."""


class BOState(NamedTuple):
    """The observations, the hyperparameters of the Gaussian process, and the trained proxy."""

    known: Observed
    """rows of the data, the best first"""
    spare: Tensor
    """(rows, d) the same designs moved into the space, to fill up the candidates"""
    proposed: Observed
    """the rounds' designs, in the order of proposal"""
    start: Hyperparameters | None
    """the start of the next fit; None before the first round"""
    stopped: bool
    """whether a numerical breakdown or a non-finite target ended the rounds"""
    proxy: Any


@dataclass(frozen=True, kw_only=True)
class BOQEI(Update):
    """Rounds of Bayesian optimisation that query the proxy, a batch at a time, as if it were the experiment.

    A Gaussian process is fitted to the best rows of the data. Each round proposes the batch of largest q-expected
    improvement (Wilson, Hutter and Deisenroth, "The reparameterization trick for acquisition functions", 2017) in
    the box of the visible designs, and adds it to the process with the proxy's predictions. The candidates are
    the designs with the largest targets.

    Released code: it ranks the rows of the data among the proposals, by their labels, so that much of its final
    batch is data (`dataset_designs = true`). Here rows of the data are used only if a search breaks down before it
    has proposed enough.
    """

    proxy: Proxy = stage_option("the proxy that is queried")
    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)
    rounds: int = option(10, "fits of the Gaussian process, each followed by a batch", at_least=0)
    batch: int = option(32, "designs proposed a round, q", at_least=1)
    rows: int = option(500, "the best rows of the data, or all, for the first fit of the process", at_least=2, share=1)
    noise: float = option(
        0.1, "assumed std of the noise of labels and targets; targets have it added", at_least=LEAST_NOISE
    )
    target_noise: Literal["fixed", "uncertainty"] = option(
        "fixed", "noise of a target: that of a label, or the proxy's std at the design, which needs uncertainty"
    )
    samples: int = option(128, "samples of the posterior, a Sobol sequence, for the expectation", at_least=1)
    restarts: int = option(10, "batches from which L-BFGS-B starts", at_least=1)
    raw_samples: int = option(128, "batches drawn in the box, of which the most promising are the starts", at_least=1)
    iterations: int = option(200, "the most iterations of L-BFGS-B per start", at_least=1)
    at_once: int = option(5, "starts optimised together; more need more memory", at_least=1)
    precision: Literal["float32", "float64"] = option(
        "float64", "of the Gaussian process; the recipe uses the published float32, in which some searches break down"
    )
    dataset_designs: bool = option(
        False, "allow rows of the data in the final batch, ranked by their labels, as in the released code"
    )

    name: ClassVar[str] = "bo-qei"
    infos: ClassVar[Mapping[str, str]] = {
        "best": "the largest target so far",
        "predicted": "the mean of the candidates' targets",
        "improvement": "the batch's q-expected improvement",
        "stopped": "1 once the search has stopped",
    }
    notes: ClassVar[Mapping[str, str]] = {
        "stopped": "arithmetic broke down before the last round: the candidates are of what was proposed until then,"
        " filled up with rows of the data; see the option precision"
    }
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    def __post_init__(self) -> None:
        proposed = self.rounds * self.batch
        if self.restarts > self.raw_samples:
            raise ValueError(
                f"restarts={self.restarts} exceeds raw_samples={self.raw_samples}, from which they are chosen"
            )
        if self.rows < self.candidates:
            raise ValueError(f"rows={self.rows} is below candidates={self.candidates}, which they may have to replace")
        if proposed < self.candidates and not self.dataset_designs:
            fact = f"rounds={self.rounds} of batch={self.batch} propose fewer than candidates={self.candidates}"
            raise ValueError(f"{fact}: the rest would be rows of the data; dataset_designs=true allows that")

    @property
    def needs(self) -> frozenset[Ability]:
        """Scores, and their uncertainty if that is the noise of a target."""
        needed: frozenset[Ability] = frozenset({"values"})
        return needed if self.target_noise == "fixed" else needed | {"uncertainty"}

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates."""
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """The number of rounds."""
        return self.rounds

    def init(self, key: Key, data: Data, proxy_state: Any) -> BOState:
        """The best rows of the data; designs to start from count as proposed, with what the proxy predicts of them."""
        noise = torch.full_like(data.y, self.noise)
        known = taken(ranked(self._precise(Observed(data.x, data.y, noise))), slice(self.rows))
        proposed = taken(known, slice(0))
        if data.start is not None:
            proposed = self._queried(key, proxy_state, data.space.project(data.start))
        return BOState(known, data.space.project(known.x), proposed, None, False, proxy_state)

    def step(self, key: Key, state: BOState, data: Data, number: int) -> tuple[BOState, Info]:
        """One round."""
        search_key, noise_key = keys.split(key)
        found = None if state.stopped else self._searched(search_key, state, data)
        if found is None:
            return self._told(state._replace(stopped=True), state.known.y.new_zeros(()))
        batch = self._queried(noise_key, state.proxy, data.space.project(found.x))
        # A non-finite target fails the seed by its info; no process can be fitted to it.
        lost = not bool(torch.isfinite(batch.y).all())
        after = state._replace(proposed=joined(state.proposed, batch), start=found.start, stopped=lost)
        return self._told(after, found.improvement)

    def designs(self, state: BOState) -> Tensor:
        """The designs with the largest targets: of the proposals or, with `dataset_designs`, of all."""
        return self._final(state).x.float()

    def _searched(self, key: Key, state: BOState, data: Data) -> Found | None:
        """The batch to query, or None after a numerical breakdown."""
        from mbo_bo_qei.search import search

        observed = joined(state.known, state.proposed)
        box = torch.stack([data.space.lower, data.space.upper])
        # The library draws from torch's global generator.
        with keys.lend(key):
            return search(observed, box.to(observed.x), state.start, self.batch, self._effort)

    def _queried(self, key: Key, proxy_state: Any, x: Tensor) -> Observed:
        """Designs (batch, d) with the proxy's predictions, and noise."""
        with torch.no_grad():
            mean, spread = self.proxy.predict(proxy_state, x.float())
        std = torch.full_like(mean, self.noise) if self.target_noise == "fixed" else spread.clamp(min=LEAST_NOISE)
        return self._precise(Observed(x, mean + std * keys.normal(key, mean.shape), std))

    def _precise(self, observed: Observed) -> Observed:
        return Observed(*(part.to(getattr(torch, self.precision)) for part in observed))

    def _final(self, state: BOState) -> Observed:
        """The candidates with their targets."""
        every = joined(ranked(state.proposed), state.known._replace(x=state.spare))
        return taken(ranked(every) if self.dataset_designs else every, slice(self.candidates))

    def _told(self, state: BOState, improvement: Tensor) -> tuple[BOState, Info]:
        best = joined(state.known, state.proposed).y.max()
        stopped = torch.full_like(best, float(state.stopped))
        predicted = self._final(state).y.mean()
        return state, {"best": best, "predicted": predicted, "improvement": improvement, "stopped": stopped}

    @property
    def _effort(self) -> Effort:
        return Effort(self.samples, self.restarts, self.raw_samples, self.at_once, self.iterations)
