"""The training of a proxy for all seeds of a group: which state is kept, and a second training on all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from mbo_core.errors import TaskError
from mbo_core.functional import batches
from mbo_core.functional.keys import fold_in
from mbo_core.runs.checkpoints import Saved
from mbo_core.runs.held_out import Judges, judged, judges, squared_error
from mbo_core.runs.keeping import Best, Keeper, Last, Until
from mbo_core.runs.records import Run, TrainedProxy
from mbo_core.runs.seeds import BySeed, Mode, Stream, mode
from mbo_core.runs.watch import FIT
from mbo_core.stages.data import Data, Info, Schedule, state_and_info

REFIT = "refit"
"""The phase of the training on all rows."""


def untrained(run: Run, how: Mode) -> Any:
    """The proxy's fresh state for each seed: stacked, or `PerSeed`."""
    return _begun(run, how, run.keys(Stream.PROXY))[0]


def _begun(run: Run, how: Mode, base: Tensor) -> tuple[Any, Info]:
    proxy = run.recipe.proxy
    init = run.lift(lambda data, key: state_and_info(proxy.init(key, data)), how, "state", "tensors")
    begun: tuple[Any, Info] = init(fold_in(base, batches.Use.INIT))
    return begun


def train(run: Run) -> TrainedProxy:
    """The proxies by the proxy's schedule, each with its quality on held-out rows; a seed with a NaN info fails."""
    proxy = run.recipe.proxy
    schedule, how = proxy.schedule(run.data), mode(proxy)
    found = judges(run, schedule)
    keeper = _keeper(run, schedule, found)
    base = run.keys(Stream.PROXY)
    trained = _Course(run, how, schedule, base, keeper).go()
    quality = judged(run, found, trained.states)
    if schedule.refit and found is not None and trained.seeds:
        again = _refitted(run.only(trained.seeds), how, schedule, _steps(run, schedule, keeper, trained))
        trained = replace(again, failed={**trained.failed, **again.failed})
    return replace(trained, held_out={seed: quality[seed] for seed in trained.seeds if seed in quality})


def _keeper(run: Run, schedule: Schedule, found: Judges | None) -> Keeper:
    if schedule.keep == "last" or found is None:
        return Last()
    if not found.counted.flatten(1).any(1).all():
        hint = "hold out more rows, or merge the rows of one design"
        raise TaskError('keep = "best": of every held-out row, a row of the same design is trained on', hint)
    return Best(squared_error(run, found), batches.step_count(len(run.data.y), schedule))


def _steps(run: Run, schedule: Schedule, keeper: Keeper, trained: TrainedProxy) -> Tensor:
    """After how many steps the state of each trained seed was taken."""
    if isinstance(keeper, Best):
        return keeper.steps[[run.seeds.index(seed) for seed in trained.seeds]]
    return torch.full((len(trained.seeds),), batches.step_count(len(run.data.y), schedule))


def _refitted(run: Run, how: Mode, schedule: Schedule, steps: Tensor) -> TrainedProxy:
    whole = replace(schedule, held_out=0, steps=int(steps.max()), keep="last", refit=False)
    return _Course(run, how, whole, run.keys(Stream.PROXY, batches.Use.REFIT), Until(steps), REFIT).go()


@dataclass
class _Course:
    """One training of all seeds."""

    run: Run
    how: Mode
    schedule: Schedule
    base: Tensor
    """(seeds, 2) the keys from which all others are folded."""
    keeper: Keeper
    phase: str = "train"
    failed: dict[int, str] = field(default_factory=dict)

    def go(self) -> TrainedProxy:
        """The kept states after `finish`."""
        state, info = _begun(self.run, self.how, self.base)
        self._note_fit(info)
        state = self._stepped(state)
        states = BySeed(self.run.seeds, self.keeper.kept(state)).without(self.failed)
        return self._finished(TrainedProxy(states, self.failed))

    def _note_fit(self, info: Mapping[str, Tensor]) -> None:
        """Record what the fit of `init` told, if anything; a seed with a NaN fails."""
        if info and self.phase != REFIT:
            self.run.watch.begin(FIT, self.run.recipe.proxy, 1, self.run.seeds)
            self.run.watch.step(info)
            self.failed |= self.run.watch.diverged("the proxy's fit")

    def _stepped(self, state: Any) -> Any:
        run, rows = self.run, len(self.run.data.y)
        total = batches.step_count(rows, self.schedule)
        run.watch.begin(self.phase, run.recipe.proxy, total, run.seeds)
        state, done = self._resumed(state)
        for epoch in batches.epochs(self.base, rows, self.schedule, vmap, done):
            for part, key in epoch.steps():
                state, info = self._step(part)(key, state, epoch.order)
                run.watch.step(info)
                done += 1
                self.keeper.see(done, state)
                self._checkpoint(state, done, done == total and self.schedule.refit)
            self.failed |= run.watch.diverged("proxy training")
            if len(self.failed) == len(run.seeds):
                break
        return state

    def _checkpoint(self, state: Any, done: int, end: bool) -> None:
        checkpoints = self.run.checkpoints
        if checkpoints.due(self.phase, end):
            about = {"done": done, "chosen": bool(self.keeper.carried())}
            checkpoints.save(self.phase, self.run, {"state": state, **self.keeper.carried()}, about)

    def _resumed(self, fresh: Any) -> tuple[Any, int]:
        """The states of a checkpoint and the steps they have done, or the fresh ones."""
        found = [fresh]

        def fill(saved: Saved) -> None:
            state = saved.state("state", fresh)
            if saved.about["chosen"]:
                self.keeper.go_on(saved.state, fresh)
            found.append(state)

        done = self.run.checkpoints.resumed(self.phase, self.run, fill)
        self.failed |= self.run.watch.diverged("proxy training")
        return found[-1], done

    def _step(self, part: slice) -> Callable[..., Any]:
        proxy = self.run.recipe.proxy

        def step(data: Data, key: Tensor, state: Any, order: batches.Examples) -> Any:
            return proxy.step(key, state, batches.take(data, order, part))

        return self.run.lift(step, self.how, "state", "tensors")

    def _finished(self, trained: TrainedProxy) -> TrainedProxy:
        """The trained proxies after `finish`."""
        if not trained.seeds:
            return trained
        run, proxy = self.run.only(trained.seeds), self.run.recipe.proxy
        finish = run.lift(lambda data, key, state: proxy.finish(key, state, data), self.how, "state")
        keys = fold_in(self.base, batches.Use.FINISH)[[self.run.seeds.index(seed) for seed in trained.seeds]]
        return replace(trained, states=BySeed(run.seeds, finish(keys, trained.states.lifted)))
