"""Estimate the time and memory of a run from a few of its steps on the real shapes.

Nothing is kept: the proxy takes a few steps, then the search takes a few with an untrained proxy. If a stage trains
something before its first step (an autoencoder, a prior), that is timed with zero epochs and with one.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch.overrides import TorchFunctionMode

from mbo_core.functional import keys, precision
from mbo_core.runs import default
from mbo_core.runs import seeds as lifting
from mbo_core.runs.encoded import Encoded, encode_table
from mbo_core.runs.job import at_once
from mbo_core.runs.planning import Plan, choose_device
from mbo_core.runs.records import Run
from mbo_core.runs.shortened import most_epochs, with_epochs
from mbo_core.runs.training import REFIT, untrained
from mbo_core.runs.watch import PREPARE, Watch
from mbo_core.stages.contracts import Encoding, Stage, Update
from mbo_core.stages.data import state_and_info
from mbo_core.tasks.table import Table

ENOUGH = 0.5
"""Seconds of timed steps in a phase."""

PATIENCE = 3.0
"""Time limit in seconds for a preparation, or for a step after the first."""

FIRST = 15.0
"""Time limit in seconds for the first step of a phase, which includes warm-up."""

TOGETHER = 4 * 2**20
"""Maximum bytes of proxy state for timing seeds together; larger networks gain little from it."""

ROWS = 1024
"""Maximum rows for timing an epoch of a preparation; its time is proportional to the rows."""

HOW = (
    "a few steps of each phase were timed on this machine, and one epoch of what a stage trains before its first step;"
    " cached proxies, the audit and the oracle are not counted"
)

S = TypeVar("S", bound=Stage)
T = TypeVar("T")


@dataclass(frozen=True)
class Phase:
    """A phase of a run.

    Attributes:
        name: its name in the progress bar.
        steps: the number per seed, or None for a preparation.
        seconds: for all seeds together, or None if it could not be timed.
        at_least: whether the true time is longer, because a limit was reached.
    """

    name: str
    steps: int | None
    seconds: float | None
    at_least: bool = False


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of a run.

    Attributes:
        rows: visible rows of the task.
        phases: in order.
        memory: peak bytes of this process so far, or None if unknown.
    """

    rows: int
    phases: tuple[Phase, ...]
    memory: int | None

    @property
    def whole(self) -> Phase:
        """All phases together."""
        unsure = any(one.at_least or one.seconds is None for one in self.phases)
        return Phase("total", None, sum(one.seconds or 0.0 for one in self.phases), unsure)

    def summary(self) -> Mapping[str, Any]:
        """As one JSON object."""
        phases = [dataclasses.asdict(phase) for phase in (*self.phases, self.whole)]
        return {
            "rows": self.rows, "phases": phases, "memory_bytes": self.memory, "how": HOW,
        }  # fmt: skip


class _Enough(Exception):
    """Enough was timed, or the time limit was reached."""


class _Deadline(TorchFunctionMode):
    """Stops at the first torch call after a deadline."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.end = time.perf_counter() + seconds

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if time.perf_counter() > self.end:
            raise _Enough
        return func(*args, **(kwargs or {}))


def estimate(plan: Plan, device: str = "auto") -> Estimate:
    """Time some steps of a plan.

    Raises:
        TaskError: for data refused by a stage.
    """
    with precision.fast_products():
        return _Timing(plan, choose_device(device)).estimate()


class _Timing:
    def __init__(self, plan: Plan, device: str) -> None:
        self.plan, self.device = plan, device

    def estimate(self) -> Estimate:
        encoding, encoded = self._encoded()
        phases = [encoding]
        if encoded is not None:
            run = self._run(encoded)
            default.check_data(run)
            phases += [*self._train(run), *self._search(run)]
        return Estimate(len(self.plan.task.y), tuple(phases), _memory(self.device))

    def _encoded(self) -> tuple[Phase, Encoded | None]:
        seeds, table = self.plan.seeds, self.plan.task.table
        encoding = self.plan.recipe.encoding
        few = Table.of(table.name, table.x[:ROWS], table.y[:ROWS], table.space)

        def encode(stage: Encoding, on: Table) -> Encoded:
            return encode_table(stage, seeds[:1], on, self.device)

        seconds, encoded = _prepared(encoding, encode, table, few, len(table.y) / len(few.y))
        times = len(seeds) if encoding.seeded else 1
        return _preparation("encode", seconds, times), encoded

    def _run(self, encoded: Encoded) -> Run:
        """A run of the first seeds; of one if the encoding is seeded, as only one was fitted."""
        seeds, recipe = self.plan.seeds, self.plan.recipe
        run = Run(recipe, self.plan.task, encoded, seeds[:1])
        few = TOGETHER // max(1, lifting.bytes_of(untrained(run, lifting.mode(recipe.proxy))))
        size = 1 if encoded.encoding.seeded else max(1, min(few, at_once(run)))
        return dataclasses.replace(run, seeds=lifting.groups(seeds, size)[0])

    def _groups(self, run: Run) -> float:
        return len(self.plan.seeds) / len(run.seeds)

    def _phase(self, name: str, clock: _Clock, run: Run) -> Phase:
        timed = clock.done or not clock.total
        return Phase(name, clock.total, clock.whole * self._groups(run) if timed else None)

    def _train(self, run: Run) -> list[Phase]:
        clock = _Clock()
        with suppress(_Enough), clock.deadline:
            default.train_proxy(dataclasses.replace(run, watch=Watch(clock)))
        schedule = run.recipe.proxy.schedule(run.data)
        names = ["train", REFIT] if schedule.refit and schedule.held_out else ["train"]
        return [self._phase(name, clock, run) for name in names]

    def _search(self, run: Run) -> list[Phase]:
        update, how = run.recipe.update, lifting.mode(run.recipe.update, run.recipe.proxy)
        state = untrained(run, lifting.mode(run.recipe.proxy))
        each = _keys(run.seeds, run.encoded.y.device)
        x, y, w = run.encoded.x[..., :ROWS, :], run.encoded.y[:ROWS], run.encoded.w[:ROWS]
        few = dataclasses.replace(run, encoded=dataclasses.replace(run.encoded, x=x, y=y, w=w))

        def begin(stage: Update, on: Run) -> Any:
            begun = on.lift(lambda data, key, trained: state_and_info(stage.init(key, data, trained))[0], how, "state")
            return begun(each, state)

        seconds, searching = _prepared(update, begin, run, few, len(run.encoded.y) / len(y))
        steps = update.length(run.data)
        if seconds is None:
            return [_preparation(PREPARE, None, 1), Phase("search", steps, None)]
        clock = _Clock()
        with suppress(_Enough), clock.deadline:
            clock("search", 0, steps)
            for number in range(steps):
                searching, _ = default.search_step(run, how, number)(each, searching)
                clock("search", number + 1, steps)
        preparation = _preparation(PREPARE, seconds, self._groups(run))
        return [preparation, self._phase("search", clock, run)]


class _Clock:
    """Called at every step; stops when enough were timed. The first includes warm-up and counts only if alone."""

    def __init__(self) -> None:
        self.total, self.done, self.whole, self.deadline = 0, 0, 0.0, _Deadline(math.inf)
        self._before = self._first = time.perf_counter()

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if phase == REFIT:
            # A step takes as long as one of the first training.
            raise _Enough
        self.total, self.done = total, done
        if done == 0:
            self._before, self.deadline.end = now, now + FIRST
        elif done == 1:
            self.whole, self._first = (now - self._before) * total, now
            self.deadline.end = now + PATIENCE
        else:
            self.whole = (now - self._first) / (done - 1) * total
            if now - self._first > ENOUGH:
                raise _Enough


def _prepared(stage: S, prepare: Callable[[S, T], Any], whole: T, few: T, times: float) -> tuple[float | None, Any]:
    """The time of `prepare`, and its result without training.

    Args:
        stage: the stage; its options that count epochs are set to 0, and then to 1.
        prepare: makes the first state of the stage.
        whole: the input of `prepare`.
        few: the same input with fewer rows, to time an epoch.
        times: the ratio of rows, whole to few.
    """
    most = most_epochs(stage)
    try:
        with _Deadline(PATIENCE):
            untrained, made = _timed(lambda: prepare(with_epochs(stage, 0), whole))
        if not most:
            return untrained, made
        with _Deadline(PATIENCE):
            none, _ = _timed(lambda: prepare(with_epochs(stage, 0), few))
            one, _ = _timed(lambda: prepare(with_epochs(stage, 1), few))
    except _Enough:
        return None, None
    return untrained + max(0.0, one - none) * times * most, made


def _preparation(name: str, seconds: float | None, times: float) -> Phase:
    return Phase(name, None, (PATIENCE if seconds is None else seconds) * times, at_least=seconds is None)


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    made = function()
    return time.perf_counter() - start, made


def _keys(seeds: tuple[int, ...], device: Any) -> torch.Tensor:
    return torch.stack([keys.key(seed, device) for seed in seeds])


def _memory(device: str) -> int | None:
    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
