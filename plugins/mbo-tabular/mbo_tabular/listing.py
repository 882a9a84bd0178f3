"""The search that leaves nothing out: every design of a small space is ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.errors import TaskError
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
from mbo_tabular.pools import Scorer, designs_of, written


class Ranked(NamedTuple):
    """The best designs, and how to rank."""

    x: Tensor
    """(candidates, d) the best rows, and after the step the best untried designs"""
    scorer: Scorer


@dataclass(frozen=True, kw_only=True)
class Enumerate(Update):
    """Ranks all designs of a space that has few, and proposes the best that were not tried."""

    proxy: Proxy = stage_option("the proxy that ranks designs")
    objective: Objective = stage_option("what is ranked by", PREDICTION)
    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)
    most: int = option(100_000, "the most designs of a space, before its constraints", at_least=1)

    name: ClassVar[str] = "enumerate"
    infos: ClassVar[Mapping[str, str]] = {
        "untried": "number of designs that were ranked",
        "best": "the best objective of an untried design",
        "filled": "number of candidates for which only rows of the data are left",
    }
    notes: ClassVar[Mapping[str, str]] = {
        "filled": "the space has fewer untried designs than candidates; the best rows of the data fill up"
    }
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    @property
    def needs(self) -> frozenset[Ability]:
        """What the objective needs."""
        return self.objective.needs

    def check(self, data: Data) -> None:
        """Refuse spaces with too many designs, or too many to count.

        Raises:
            TaskError: with the number.
        """
        check_starts(data, self.candidates)
        size = designs_of(data).space.size
        if size is None or size > self.most:
            count = "designs that cannot be counted" if size is None else f"{size} designs, more than {self.most}"
            raise TaskError(f"the space has {count}", 'the update "evolution" fits it; or give its numbers steps')

    def length(self, data: Data) -> int:
        """1."""
        return 1

    def init(self, key: Key, data: Data, proxy_state: Any) -> Ranked:
        """The best rows."""
        scorer = Scorer(self.proxy, self.objective, proxy_state, self.objective.init(key, data))
        return Ranked(top(data, self.candidates), scorer)

    def step(self, key: Key, state: Ranked, data: Data, number: int) -> tuple[Ranked, Info]:
        """All of it."""
        untried = self._untried(data)
        told = {"untried": len(untried), "best": 0.0, "filled": max(0, self.candidates - len(untried))}
        if len(untried):
            pool = state.scorer.pool(designs_of(data), untried)
            chosen = pool.only(pool.ranked[: self.candidates])
            state = state._replace(x=torch.cat([chosen.x, state.x])[: self.candidates])
            told["best"] = float(chosen.score[0])
        return state, {name: torch.tensor(float(value)) for name, value in told.items()}

    def designs(self, state: Ranked) -> Tensor:
        """The best."""
        return state.x

    def _untried(self, data: Data) -> NDArray[Any]:
        designs = designs_of(data)
        every, known = designs.space.enumerate(self.most), set(written(designs.tried))
        assert every is not None
        return np.asarray(every[[name not in known for name in written(every)]])
