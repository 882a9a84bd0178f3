"""A planned run being carried out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from mbo_core.errors import MboError, StoreError, reason_of
from mbo_core.foreign import foreign
from mbo_core.runs import default
from mbo_core.runs import seeds as lifting
from mbo_core.runs.checkpoints import Checkpoints
from mbo_core.runs.default import check_data, check_untrained
from mbo_core.runs.encoded import Encoded, encode_table
from mbo_core.runs.findings import findings, moved_notes
from mbo_core.runs.hooks import Hooks
from mbo_core.runs.kept import Kept
from mbo_core.runs.notes import Note, start_notes, table_notes
from mbo_core.runs.planning import Plan
from mbo_core.runs.prediction import Predictor, predictors
from mbo_core.runs.records import Run, TrainedProxy
from mbo_core.runs.result import Result
from mbo_core.runs.seeds import Stream
from mbo_core.runs.store import Unwritable
from mbo_core.runs.trained import keep_trained, trained_before
from mbo_core.runs.watch import Report, Watch
from mbo_core.stages.data import state_and_info


class Interrupted(MboError):
    """A run was stopped by the user; finished seeds are kept."""

    exit_code = 130


class Terminated(Interrupted):
    """By the signal SIGTERM."""

    exit_code = 143


class HungUp(Interrupted):
    """By the signal SIGHUP."""

    exit_code = 129


@dataclass
class Job:
    """A plan being carried out.

    Attributes:
        plan: the plan.
        result: what is filled.
        report: called at each step.
        kept: the folder, or None if nothing is stored.
        searched: whether the search takes any step.
    """

    plan: Plan
    result: Result
    report: Report
    kept: Kept | None = None
    searched: bool = False
    began: float = field(default_factory=time.perf_counter)
    _computed: tuple[tuple[int, ...], int] | None = None
    """A group whose results are complete but not stored, and the number of notes before it."""

    def go(self) -> None:
        """Run all groups, and record the outcome in the folder even if the run fails.

        Raises:
            Interrupted: on Ctrl-C.
            StoreError: if the folder cannot be written; what is computed is then stored elsewhere.
        """
        try:
            self._go()
        except Unwritable as error:
            if self.kept is None:
                raise
            raise self._rescued(self.kept, error) from error

    def _go(self) -> None:
        try:
            if self.kept:
                self.began -= self.kept.progress.seconds
                self.kept.begin(self.result)
            with foreign("a stage of the recipe"):
                self._groups()
            self._finish("failed" if self.result.failed else "done")
        except KeyboardInterrupt as stop:
            self._store_computed()
            self._finish("interrupted")
            raise self._interrupted(stop) from None
        except Unwritable:
            raise
        except Exception as error:
            self._fail(error)
            raise
        if self.kept:
            self.kept.complete(self.result)

    def _fail(self, error: Exception) -> None:
        self.result.failed.update({seed: reason_of(error) for seed in self._open()})
        self._finish("failed")

    def _rescued(self, kept: Kept, error: Unwritable) -> Unwritable:
        """Store what is computed elsewhere; the error that says where."""
        count, found = (
            f"{len(self.result.trials)} of {len(self.plan.seeds)} seeds",
            Unwritable(error.message, error.hint),
        )
        if self._computed or kept.progress.groups:
            try:
                place = kept.rescue(self.result, self._computed)
                kept.checkpoints().clear()  # They make room for the record; the copy has what it needs of them.
            except StoreError as second:
                found = Unwritable(f"{error.message}; nor can another folder be: {second.message}", error.hint)
            else:
                fact = f"{error.message}; what is computed ({count}) is stored in {place}"
                found = Unwritable(fact, f"free some space, and continue there with {kept.command(place)}")
        with suppress(MboError):
            self._only_kept(kept)
            self._fail(error)
        return found

    def _interrupted(self, stop: KeyboardInterrupt) -> Interrupted:
        kinds = {one.exit_code: one for one in (Terminated, HungUp)}
        kind = kinds.get(getattr(stop, "exit_code", 0), Interrupted)
        if not self.kept:
            return kind("interrupted")
        fact = f"interrupted; kept: {len(self.result.trials)} of {len(self.plan.seeds)} seeds"
        return kind(fact, f"continue with {self.kept.command(self.kept.folder.path)}")

    def _open(self) -> list[int]:
        done = {**self.result.trials, **self.result.failed}
        return [seed for seed in self.plan.seeds if seed not in done]

    def _groups(self) -> None:
        recipe, task = self.plan.recipe, self.plan.task
        self.report("encode", 0, 1)
        check_untrained(recipe, task, self.plan.seeds)
        start_x = None if self.plan.start is None else self.plan.start.x
        encoded = encode_table(recipe.encoding, self.plan.seeds, task.table, self.result.device, start_x)
        self._note_run(encoded)
        self.report("encode", 1, 1)
        folder = self.kept.folder.path if self.kept else None
        hooks = Hooks(self.plan.registry.hooks(default))
        whole = Run(recipe, task, encoded, self.plan.seeds, folder=folder)
        self.searched = check_data(whole) > 0
        for group in lifting.groups(self.plan.seeds, at_once(whole)):
            if not (self.kept and self.kept.has(group)):
                self._one(hooks, whole.only(group))

    def _note_run(self, encoded: Encoded) -> None:
        """Put the notes on the run before those of finished groups."""
        plan, task = self.plan, self.plan.task
        notes = [*table_notes(plan.cuts, task), *encoded.notes(task.table)]
        self.result.notes = [*notes, *start_notes(plan.start, plan.recipe.update), *self.result.notes]

    def _one(self, hooks: Hooks, run: Run) -> None:
        """Run a group and store it."""
        before = len(self.result.notes)
        checkpoints = self.kept.checkpoints() if self.kept else Checkpoints()
        self._group(hooks, replace(run, watch=Watch(self._reporter(run.seeds)), checkpoints=checkpoints))
        self._computed = run.seeds, before
        self._store_computed()

    def _store_computed(self) -> None:
        """Store a group that is complete; of one that was stopped nothing is kept but its checkpoints."""
        if self._computed and self.kept:
            self._time()
            self.kept.group(self.result, *self._computed)
        self._computed = None
        if self.kept:
            self._only_kept(self.kept)

    def _only_kept(self, kept: Kept) -> None:
        self.result.trials = {seed: self.result.trials[seed] for seed in kept.seeds(self.result.trials)}

    def _group(self, hooks: Hooks, run: Run) -> None:
        trained = self._trained(hooks, run)
        if not trained.seeds:
            return
        gap = hooks.mine_adversary(run, trained)
        candidates = hooks.update_solution(run, trained)
        scores = hooks.evaluate(run, candidates)
        outside = {seed: run.encoded.outside(x, seed) for seed, x in zip(candidates.seeds, candidates.x, strict=True)}
        self.result.notes += moved_notes(outside, candidates.x.shape[1])
        self.result.add(candidates, scores, gap, run.watch)

    def _trained(self, hooks: Hooks, run: Run) -> TrainedProxy:
        trained = trained_before(run)
        if trained is None:
            trained = hooks.train_proxy(run)
            keep_trained(run, trained)
        self.result.failed.update(trained.failed)
        self.result.cached.extend(trained.cached)
        self.result.quality.update(trained.held_out)
        if trained.seeds:
            self._keep(predictors(run, trained))
        return trained

    def _keep(self, trained: Mapping[int, Predictor]) -> None:
        self.result.predictors = {**self.result.predictors, **trained}
        try:
            if self.kept:
                self.kept.keeper.keep(trained)
        except Unwritable as error:
            # The designs come first; if they cannot be stored either, that is an error.
            self.result.notes.append(Note(None, "store", f"trained proxies are not stored: {error.message}"))

    def _reporter(self, group: tuple[int, ...]) -> Report:
        label = f"seed {group[0]}" if len(group) == 1 else f"seeds {group[0]}..{group[-1]}"
        return lambda phase, done, total: self.report(f"{phase}, {label}", done, total)

    def _finish(self, status: str) -> None:
        self._time()
        self.result.status = status
        self.result.notes += findings(self.plan.task.table, self.result.found(), self.searched)
        if self.kept:
            self.kept.finish(self.result)

    def _time(self) -> None:
        self.result.seconds = time.perf_counter() - self.began


def at_once(run: Run) -> int:
    """The number of seeds that are trained together."""
    proxy = run.recipe.proxy
    if lifting.mode(proxy, run.recipe.update) == "loop":
        return 1
    state, _ = state_and_info(proxy.init(run.keys(Stream.PROXY)[0], run.data))
    return lifting.at_once(state)
