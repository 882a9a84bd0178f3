"""The data passed between the hooks of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.functional.keys import fold_in
from mbo_core.recipes.recipe import Recipe
from mbo_core.runs.checkpoints import Checkpoints
from mbo_core.runs.encoded import Encoded
from mbo_core.runs.seeds import BySeed, Mode, Returns, Stream, lift, stream_keys
from mbo_core.runs.watch import Watch
from mbo_core.stages.data import Data
from mbo_core.tasks.task import Task


@dataclass(frozen=True)
class Run:
    """The input of the hooks.

    Attributes:
        recipe: the resolved recipe with its stages.
        task: the task; only evaluation is given it.
        encoded: the table of the task as the stages see it.
        seeds: the seeds of this group.
        watch: collects progress and infos.
        folder: the folder of the run, or None; a plugin may add its own files.
        checkpoints: those of the group, from which a run that was stopped goes on.
    """

    recipe: Recipe
    task: Task
    encoded: Encoded
    seeds: tuple[int, ...]
    watch: Watch = field(default_factory=Watch)
    folder: Path | None = None
    checkpoints: Checkpoints = field(default_factory=Checkpoints)

    @property
    def data(self) -> Data:
        """The encoded data, x (N, d) and y (N,), as the first seed sees them; see `lift` for each seed's own."""
        return self.encoded.first

    def keys(self, stream: Stream, use: int | None = None) -> Tensor:
        """One key per seed for a stage, (seeds, 2), or for one use of its stream."""
        own = stream_keys(self.seeds, stream, self.encoded.y.device)
        return own if use is None else fold_in(own, use)

    def only(self, seeds: Sequence[int]) -> Run:
        """The run for some of the seeds."""
        return replace(self, seeds=tuple(seeds), encoded=self.encoded.only(seeds))

    def lift(self, function: Callable[..., Any], how: Mode, *returns: Returns) -> Callable[..., Any]:
        """Lift a function of one seed's data and other arguments to all seeds; see `seeds.lift`.

        The lifted function takes only the other arguments.
        """
        encoded = self.encoded
        if not encoded.encoding.seeded:
            return lift(partial(function, encoded.first), how, *returns)

        own = encoded.by_seed

        def with_own(*arguments: Any) -> Any:
            return function(encoded.own(*arguments[: len(own)]), *arguments[len(own) :])

        return partial(lift(with_own, how, *returns), *own)


@dataclass(frozen=True)
class HeldOut:
    """How well a proxy predicts rows that it was not trained on.

    Attributes:
        rows: their number; of rows whose design was also trained on, none counts.
        error: the root mean squared error, in raw scores.
        rank: Spearman's rank correlation; None if it is undefined.
        best_rows: the number of the best fifth of them.
        best_error: the error among these.
        best_rank: the rank correlation among these.
    """

    rows: int
    error: float | None
    rank: float | None
    best_rows: int
    best_error: float | None
    best_rank: float | None


@dataclass(frozen=True)
class TrainedProxy:
    """The proxies of the seeds whose training did not fail.

    Attributes:
        states: the trained state of each seed.
        failed: the reason for each seed that failed.
        cached: the seeds of `states` that were not trained in this run.
        held_out: the quality of each seed's proxy on rows that it was not trained on, where there are any; of a proxy
            that was refitted on all rows, that before.
    """

    states: BySeed
    failed: Mapping[int, str] = field(default_factory=dict)
    cached: tuple[int, ...] = ()
    held_out: Mapping[int, HeldOut] = field(default_factory=dict)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds with a state."""
        return self.states.seeds


@dataclass(frozen=True)
class Gap:
    """How far the adversary moves the trained proxy.

    Attributes:
        by_seed: in predicted standardised scores if the adversary moves designs, else in loss; positive if it made the
            proxy worse. None if nothing was measured: the adversary is `none`, or the proxy lacks `params`.
    """

    by_seed: Mapping[int, float | None]


@dataclass(frozen=True)
class Candidates:
    """The candidates.

    Attributes:
        x: (seeds, candidates, d) encoded, on the processor.
        raw: (seeds, candidates, length) as the oracle takes them.
        predicted: (seeds, candidates) raw scores predicted by the proxy, or None without the ability `values`.
        seeds: the seeds, in the order of the first axis.
        failed: the reason for each seed that failed.
        origin: (seeds, candidates) the place of each among the designs of the update, or -1 for one that replaces
            them; None if they are the designs of the update.
    """

    x: Tensor
    raw: NDArray[Any]
    predicted: NDArray[np.float64] | None
    seeds: tuple[int, ...]
    failed: Mapping[int, str]
    origin: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Scores:
    """The evaluation of the candidates.

    Attributes:
        by_seed: for each seed with scores, (candidates,) arrays or texts by name; empty without an oracle.
        failed: the reason for each seed whose scoring failed.
    """

    by_seed: Mapping[int, Mapping[str, NDArray[np.float64] | Sequence[str]]] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)
