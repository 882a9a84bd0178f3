"""What a run hands from hook to hook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.plugins.hookspecs import PROJECT
from mbo_core.recipes.recipe import Recipe
from mbo_core.runs.encoded import Encoded
from mbo_core.runs.seeds import Mode, Returns, lift, stream_keys
from mbo_core.runs.watch import Watch
from mbo_core.stages.contracts import Data
from mbo_core.tasks.task import Task


@dataclass(frozen=True)
class Run:
    """What the hooks are given.

    Attributes:
        recipe: the resolved recipe with its stages.
        task: the task; its oracle is for evaluation only.
        encoded: the task as the stages see it.
        seeds: the seeds of this group.
        watch: where progress and infos go.
        hooks: the plugin manager of this run.
        folder: where the run is stored, or None; a plugin may add files of its own.
    """

    recipe: Recipe
    task: Task
    encoded: Encoded
    seeds: tuple[int, ...]
    watch: Watch = field(default_factory=Watch)
    hooks: pluggy.PluginManager = field(default_factory=partial(pluggy.PluginManager, PROJECT))
    folder: Path | None = None

    @property
    def data(self) -> Data:
        """The encoded data, x (N, d) and y (N,), as the first seed sees them; see `lift` for each seed's own."""
        return self.encoded.first

    def keys(self, stream: str) -> Tensor:
        """One key a seed for a stage, (seeds, 2)."""
        return stream_keys(self.seeds, stream, self.encoded.y.device)

    def only(self, seeds: Sequence[int]) -> Run:
        """The run of some of the seeds."""
        encoded = self.encoded.only([self.seeds.index(seed) for seed in seeds])
        return replace(self, seeds=tuple(seeds), encoded=encoded)

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
        state: their states, stacked (or `PerSeed`).
        seeds: which seeds they are.
        failed: why the others failed.
        cached: those of them that were not trained now.
    """

    state: Any
    seeds: tuple[int, ...]
    failed: Mapping[int, str]
    cached: tuple[int, ...] = ()


@dataclass(frozen=True)
class Gap:
    """How far the adversary moves the trained proxy, by seed: in predicted scores if it moves designs, else in loss.

    Standardised units; positive where the adversary found the proxy wanting, 0 with the adversary `none`.
    """

    values: Mapping[int, float]


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
    """Scores by name and seed, (candidates,) each; `failed` says why a seed has none; `texts` are told beside them."""

    values: Mapping[str, Mapping[int, NDArray[np.float64]]]
    failed: Mapping[int, str]
    texts: Mapping[str, Mapping[int, Sequence[str]]] = field(default_factory=dict)
