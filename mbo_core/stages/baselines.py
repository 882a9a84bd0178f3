"""The `none` stages: the defaults of a recipe for adversary, proxy and update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.stages.abilities import Ability, Moves
from mbo_core.stages.contracts import Adversary, Proxy, Update
from mbo_core.stages.data import Batch, Data, Info, Key, Mined, Model, Prediction, Schedule, State
from mbo_core.stages.options import option

CANDIDATES = 128
"""The number of designs a method proposes, by the convention of Design-Bench."""


@dataclass(frozen=True, kw_only=True)
class NoAdversary(Adversary):
    """Moves nothing: the proxy is trained without an adversary."""

    name: ClassVar[str] = "none"
    moves: ClassVar[frozenset[Moves]] = frozenset()

    def init(self, key: Key, data: Data) -> tuple[()]:
        """No state."""
        return ()

    def mine(self, key: Key, state: State, model: Model, start: Mined, batch: Batch) -> tuple[Mined, State]:
        """The start, unmoved."""
        return start, state


@dataclass(frozen=True, kw_only=True)
class NoProxy(Proxy):
    """Models nothing, for methods that search without a proxy."""

    name: ClassVar[str] = "none"
    abilities: ClassVar[frozenset[Ability]] = frozenset()

    def schedule(self, data: Data) -> Schedule:
        """No training."""
        return Schedule(epochs=0, batch_size=1)

    def init(self, key: Key, data: Data) -> Tensor:
        """An empty state."""
        return torch.zeros(0, device=data.x.device)

    def predict(self, state: State, x: Tensor) -> Prediction:
        """NaN: nothing is known."""
        unknown = torch.full_like(x[:, 0], torch.nan)
        return Prediction(unknown, unknown)


class Fixed(NamedTuple):
    """Candidates that do not move."""

    x: Tensor


@dataclass(frozen=True, kw_only=True)
class NoUpdate(Update):
    """Proposes the best designs in the data: the baseline every method has to beat."""

    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)

    name: ClassVar[str] = "none"

    @property
    def needs(self) -> frozenset[Ability]:
        """Nothing."""
        return frozenset()

    def check(self, data: Data) -> None:
        """Refuse data with fewer rows than candidates."""
        check_starts(data, self.candidates)

    def length(self, data: Data) -> int:
        """No step."""
        return 0

    def init(self, key: Key, data: Data, proxy_state: Any) -> Fixed:
        """The best designs in the data."""
        return Fixed(top(data, self.candidates))

    def step(self, key: Key, state: Fixed, data: Data, number: int) -> tuple[Fixed, Info]:
        """Never called."""
        return state, {}

    def designs(self, state: Fixed) -> Tensor:
        """The best designs in the data."""
        return state.x


def check_starts(data: Data, count: int) -> None:
    """Refuse data with fewer than `count` rows for a search to start from.

    Raises:
        TaskError: for fewer than `count` rows.
    """
    if len(data.y) < count:
        raise TaskError(
            f"the data have {len(data.y)} rows, fewer than {count} candidates", f"set update.candidates={len(data.y)}"
        )


def top(data: Data, count: int) -> Tensor:
    """The `count` designs to search from, (count, d), moved into the space.

    First those that a person gave, `data.start`, then the rows with the largest scores, best first, ties by row. A row
    that is one of the given designs is not taken twice.
    """
    if data.start is None:
        return data.space.project(data.x[torch.sort(data.y, descending=True, stable=True).indices[:count]])
    given = torch.zeros_like(data.y, dtype=torch.bool)
    for design in data.start[:count]:
        given = given | (data.x == design).all(-1)
    order = torch.sort(torch.where(given, -torch.inf, data.y), descending=True, stable=True).indices
    return data.space.project(torch.cat([data.start, data.x[order[:count]]])[:count])
