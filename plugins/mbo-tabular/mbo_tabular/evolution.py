"""A search by mutation and crossover of real designs, for any proxy that orders them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages import (
    CANDIDATES,
    PREDICTION,
    Ability,
    Data,
    Info,
    Key,
    Objective,
    Proxy,
    Update,
    check_starts,
    option,
    stage_option,
    top,
)
from mbo_tabular.pools import Nearby, Pool, Scorer, designs_of, spread, written
from mbo_tabular.variation import Variation

TRIES = 10
"""How often children that are not new are replaced; the last time they are changed rows of the data."""
QUOTA = 4
"""At most a quarter of a population has the same nearest row."""


class Use(IntEnum):
    """What the key of a generation, or of the start, is folded with."""

    OBJECTIVE = 0
    ROWS = 1
    TRIES = 2
    """And the number of the try."""


class EvolutionState(NamedTuple):
    """The population, and all that was found."""

    now: Pool
    found: Pool
    """every new design so far: none is a row of the data, and none is twice"""
    spare: Tensor
    """(candidates, d) the best rows, to fill up the candidates"""
    known: frozenset[bytes]
    """the visible designs"""
    vary: Variation
    nearby: Nearby
    scorer: Scorer
    still: int
    """generations in which neither the best nor the last of the population got better"""
    exhausted: bool
    """whether the last generation had no new design"""


@dataclass(frozen=True, kw_only=True)
class Evolution(Update):
    """Good rows and their descendants: mutation and crossover, then the best by the proxy, generation by generation.

    Every individual is a design of the space. Only the order of the proxy's numbers matters. The candidates are the
    best new designs of all generations that keep some distance from each other.
    """

    proxy: Proxy = stage_option("the proxy that ranks designs")
    objective: Objective = stage_option("what is ranked by", PREDICTION)
    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)
    population: int = option(128, "designs that a generation keeps; the first are the best rows", at_least=2)
    children: int = option(128, "new designs a generation", at_least=1)
    generations: int = option(30, "the most generations", at_least=0)
    tournament: int = option(2, "designs drawn for a parent, of which the best is taken", at_least=1)
    crossover: float = option(0.5, "chance that a child has two parents", at_least=0.0, at_most=1.0)
    changes: int = option(2, "the most coordinates that change: 1 + Binomial(changes - 1, 1/2)", at_least=1)
    step_size: float = option(0.1, "of a number without steps, in standard deviations of its column", above=0.0)
    spacing: float = option(
        0.1,
        "distance that candidates keep, in median distances of a row to its nearest; halved if too few do",
        at_least=0.0,
    )
    survival: Literal["best", "age"] = option(
        "best", "what a generation keeps: the best of parents and children, or the youngest (regularised evolution)"
    )
    patience: int = option(10, "generations without a better design, after which the search ends", at_least=1)

    name: ClassVar[str] = "evolution"
    infos: ClassVar[Mapping[str, str]] = {
        "best": "the best objective of a new design so far, or of the population before there is one",
        "median": "the median objective of the population",
        "new": "share of the wanted children that were found: none is a row of the data or was found before",
        "distance": "the median distance of the population to the nearest row, in encoded units",
        "filled": "number of candidates for which only rows of the data are left",
    }
    notes: ClassVar[Mapping[str, str]] = {
        "filled": "evolution found fewer new designs than candidates; the best rows of the data fill up"
    }
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    @property
    def needs(self) -> frozenset[Ability]:
        """What the objective needs."""
        return self.objective.needs

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates, or with a single row.

        Raises:
            TaskError: for such data.
        """
        check_starts(data, self.candidates)
        if len(data.y) < 2:
            raise TaskError("the data have a single row: evolution has no variety to start from", "give more rows")

    def length(self, data: Data) -> int:
        """The most generations."""
        return self.generations

    def init(self, key: Key, data: Data, proxy_state: Any) -> EvolutionState:
        """The best distinct rows, moved into the space."""
        designs = designs_of(data)
        start = designs.decode(top(data, self.population))
        _, first = np.unique(start, axis=0, return_index=True)
        objective = self.objective.init(keys.fold_in(key, Use.OBJECTIVE), data)
        scorer = Scorer(self.proxy, self.objective, proxy_state, objective)
        now = scorer.pool(designs, start[np.sort(first)])
        vary = self._variation(data)
        known = frozenset(written(designs.tried))
        fresh = np.array([row for row, name in enumerate(written(now.raw)) if name not in known], dtype=np.int64)
        nearby = Nearby.of(keys.fold_in(key, Use.ROWS), data)
        return EvolutionState(now, now.only(fresh), top(data, self.candidates), known, vary, nearby, scorer, 0, False)

    def step(self, key: Key, state: EvolutionState, data: Data, number: int) -> tuple[EvolutionState, Info]:
        """One generation; none once the search has ended."""
        if state.exhausted or state.still >= self.patience:
            return state, self._info(state, 0.0)
        raw = self._children(key, state)
        if not len(raw):
            state = state._replace(exhausted=True)
            return state, self._info(state, 0.0)
        born = state.scorer.pool(designs_of(data), raw)
        found, now = state.found.joined(born), self._survivors(state, state.now.joined(born))
        still = state.still + 1 if np.array_equal(self._marks(found), self._marks(state.found)) else 0
        state = state._replace(now=now, found=found, still=still)
        return state, self._info(state, len(raw) / self.children)

    def designs(self, state: EvolutionState) -> Tensor:
        """The best new designs that keep a distance from each other; rows of the data where they are too few."""
        chosen = spread(state.found, self.candidates, self.spacing * state.nearby.between)
        return torch.cat([state.found.only(chosen).x, state.spare])[: self.candidates]

    def _variation(self, data: Data) -> Variation:
        designs = designs_of(data)
        return Variation(designs.space, designs.tried, self.step_size)

    def _children(self, key: Key, state: EvolutionState) -> NDArray[Any]:
        """Designs that are new, (n, length): as many as wanted, or all that were found; none where no column varies."""
        known, fresh = {*state.known, *written(state.found.raw)}, list[NDArray[Any]]()
        for attempt in range(TRIES if state.vary.places else 0):
            wanted = self.children - len(fresh)
            if not wanted:
                break
            rng = generator(keys.fold_in(keys.fold_in(key, Use.TRIES), attempt))
            made = state.vary.space.repair(self._varied(rng, state, wanted, attempt == TRIES - 1))
            for design, name in zip(made, written(made), strict=True):
                if name not in known:
                    known.add(name)
                    fresh.append(design)
        return np.array(fresh)

    def _varied(self, rng: Generator, state: EvolutionState, count: int, last: bool) -> NDArray[Any]:
        """Children of the population, or changed rows of the data."""
        vary = state.vary
        if last:
            return vary.mutated(rng, vary.rows[rng.integers(len(vary.rows), size=count)], self.changes)
        one, other = (state.now.raw[self._parents(rng, state.now, count)] for _ in range(2))
        return vary.mutated(rng, vary.crossed(rng, one, other, self.crossover), self.changes)

    def _parents(self, rng: Generator, now: Pool, count: int) -> NDArray[np.int64]:
        """The best of some drawn at random, for each of `count` children; of equal ones the first drawn."""
        drawn = rng.integers(len(now.score), size=(count, self.tournament))
        return np.asarray(drawn[np.arange(count), now.score[drawn].argmax(1)])

    def _survivors(self, state: EvolutionState, every: Pool) -> Pool:
        """The population that is kept of parents and children, which stand in the order of their birth."""
        if self.survival == "age":
            return every.only(np.arange(len(every.score))[-self.population :])
        order = every.ranked
        _, nearest = state.nearby.to(every.x)
        quota, taken = -(-self.population // QUOTA), dict[int, int]()
        kept, crowded = list[int](), list[int]()
        for row in order:
            place = int(nearest[row])
            taken[place] = taken.get(place, 0) + 1
            (kept if taken[place] <= quota else crowded).append(int(row))
        return every.only(np.array((kept + crowded)[: self.population]))

    def _marks(self, found: Pool) -> NDArray[np.float32]:
        """The objective of the best and of the last of as many as a population has."""
        return found.score[found.ranked[: self.population]][[0, -1]] if len(found.score) else found.score

    def _info(self, state: EvolutionState, new: float) -> Info:
        best = state.found if len(state.found.score) else state.now
        told = {
            "best": float(best.score.max()),
            "median": float(np.median(state.now.score)),
            "new": new,
            "distance": float(state.nearby.to(state.now.x)[0].median()),
            "filled": float(max(0, self.candidates - len(state.found.score))),
        }
        return {name: torch.tensor(value) for name, value in told.items()}


def generator(key: Key) -> Generator:
    """Numpy's generator from a key."""
    return default_rng(keys.bits(key, (4,)).tolist())
