"""What a run hands from hook to hook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.recipes.recipe import Recipe
from mbo_core.runs.encoded import Encoded
from mbo_core.runs.seeds import BySeed, Mode, Returns, Stream, fold, lift, stream_keys
from mbo_core.runs.watch import Watch
from mbo_core.stages.data import Data
from mbo_core.tasks.task import Task


@dataclass(frozen=True)
class Run:
    """What the hooks are given.

    Attributes:
        recipe: the resolved recipe with its stages.
        task: the task; no stage but evaluation is given it.
        encoded: its table as the stages see it.
        seeds: the seeds of this group.
        watch: where progress and infos go.
        folder: where the run is stored, or None; a plugin may add files of its own.
    """

    recipe: Recipe
    task: Task
    encoded: Encoded
    seeds: tuple[int, ...]
    watch: Watch = field(default_factory=Watch)
    folder: Path | None = None

    @property
    def data(self) -> Data:
        """The encoded data, x (N, d) and y (N,), as the first seed sees them; see `lift` for each seed's own."""
        return self.encoded.first

    def keys(self, stream: Stream, use: int | None = None) -> Tensor:
        """One key a seed for a stage, (seeds, 2), or for one use that it makes of its stream."""
        own = stream_keys(self.seeds, stream, self.encoded.y.device)
        return own if use is None else fold(own, use)

    def only(self, seeds: Sequence[int]) -> Run:
        """The run of some of the seeds."""
        return replace(self, seeds=tuple(seeds), encoded=self.encoded.only(seeds))

    def lift(self, function: Callable[..., Any], how: Mode, *returns: Returns) -> Callable[..., Any]:
        """A function of one seed's data and more, as a function of the rest for all seeds; see `seeds.lift`."""
        encoded = self.encoded
        if not encoded.encoding.seeded:
            return lift(partial(function, encoded.first), how, *returns)

        def with_own(x: Tensor, lower: Tensor, upper: Tensor, *arguments: Any) -> Any:
            return function(encoded.own(x, lower, upper), *arguments)

        lifted = lift(with_own, how, *returns)
        return partial(lifted, encoded.x, encoded.space.lower, encoded.space.upper)


@dataclass(frozen=True)
class TrainedProxy:
    """The proxies of the seeds whose training did not fail.

    Attributes:
        states: the trained state of each seed.
        failed: why the others failed.
        cached: those of them that were not trained now.
    """

    states: BySeed
    failed: Mapping[int, str] = field(default_factory=dict)
    cached: tuple[int, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """Which seeds have a state."""
        return self.states.seeds


@dataclass(frozen=True)
class Gap:
    """How far the adversary moves the trained proxy.

    Attributes:
        by_seed: in predicted standardised scores if the adversary moves designs, else in loss; positive where it found
            the proxy wanting. None where nothing was measured: the adversary `none`, or a proxy without `params`.
    """

    by_seed: Mapping[int, float | None]


@dataclass(frozen=True)
class Candidates:
    """The candidates.

    Attributes:
        x: (seeds, candidates, d) encoded, on the processor.
        raw: (seeds, candidates, length) as the oracle takes them.
        predicted: (seeds, candidates) raw scores that the proxy expects, or None without the ability `values`.
        seeds: whose they are.
        failed: why the other seeds failed.
    """

    x: Tensor
    raw: NDArray[Any]
    predicted: NDArray[np.float64] | None
    seeds: tuple[int, ...]
    failed: Mapping[int, str]


@dataclass(frozen=True)
class Scores:
    """What the evaluation says of the candidates.

    Attributes:
        by_seed: for each seed that has scores, (candidates,) arrays or texts by name; empty without an oracle.
        failed: why another seed has none.
    """

    by_seed: Mapping[int, Mapping[str, NDArray[np.float64] | Sequence[str]]] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)
