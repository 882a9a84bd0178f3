"""Run a recipe on a task: the function behind `mbo run`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mbo_core.errors import MboError, RecipeError, reason_of
from mbo_core.foreign import foreign
from mbo_core.functional import precision
from mbo_core.plugins.registry import Registry, installed
from mbo_core.recipes import resolve as recipes
from mbo_core.recipes.limits import Cut, fitted
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.values import AnyRecipe, opened
from mbo_core.runs import default
from mbo_core.runs import seeds as lifting
from mbo_core.runs.cache import Cache
from mbo_core.runs.default import check_data, check_untrained
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.findings import findings, moved_notes
from mbo_core.runs.hooks import Hooks
from mbo_core.runs.loading import store_start, store_table
from mbo_core.runs.notes import start_notes, table_notes
from mbo_core.runs.opening import Asked, open_task
from mbo_core.runs.prediction import Keeper, Predictor, predictors
from mbo_core.runs.records import Run
from mbo_core.runs.result import Result
from mbo_core.runs.seeds import Stream
from mbo_core.runs.store import START, Folder
from mbo_core.runs.watch import Report, Watch
from mbo_core.stages.data import state_and_info
from mbo_core.tasks.start import Start
from mbo_core.tasks.task import Task

SEEDS = 8
"""The default number of seeds, as in the published tables."""

MOST_SEEDS = 10_000
"""A larger count is probably meant as a seed."""

NOTHING = Asked()

_TURN = threading.RLock()
"""Runs in threads take turns, because the precision of products is set for the whole process."""


class Interrupted(MboError):
    """A run was stopped by the user; finished seeds are kept."""

    exit_code = 130


@dataclass(frozen=True)
class Plan:
    """A checked run, ready to start.

    Attributes:
        recipe: the resolved recipe, within the limits of the table.
        asked: the same as it was written, before the table's limits.
        cuts: the numbers of rows that differ between the two.
        task: the task.
        seeds: the seeds.
        registry: the installed plugins.
        own_table: whether the task is the user's own table, so it cannot be found again by name.
        hold: the columns held in proposals, with their values.
        start: designs to search from, or None.
        files: the absolute paths of the space file and of the start designs, where they came from files.
    """

    recipe: Recipe
    asked: Recipe
    cuts: tuple[Cut, ...]
    task: Task
    seeds: tuple[int, ...]
    registry: Registry
    own_table: bool = False
    hold: Mapping[str, Any] = field(default_factory=dict)
    start: Start | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def settings(self, stored: bool = True) -> dict[str, Any]:
        """The table `[run]` by which the recipe repeats the run; beside a stored recipe stand copies of its files."""
        source = self.task.source
        named = {"task": self.task.name} if source is None else source.settings()
        files = {"start": None if self.start is None else START} if stored else self.files
        return {**named, "hold": dict(self.hold) or None, **files, "seeds": self.seeds}


def plan(
    recipe: AnyRecipe,
    task: str | Task | None = None,
    seeds: int | Sequence[int] | None = None,
    preset: str | None = None,
    set: Sequence[str] = (),
    registry: Registry | None = None,
    plugins: Sequence[object] = (),
    asked: Asked = NOTHING,
) -> Plan:
    """Check everything that can be checked before any work; see `run` for the arguments."""
    if isinstance(set, str):
        raise RecipeError(f"set must be a list, not the text {set!r}", f"write set=[{set!r}]")
    found = (registry or installed()).including(plugins)
    document, found = opened(recipe, found)
    recorded = recipes.recorded_run(document)
    opened_task = open_task(task, asked, document, found)
    loaded = opened_task.task
    resolved = recipes.resolve(document, found, kind=loaded.kind, task=loaded.name, preset=preset, sets=set)
    numbers = seed_numbers(recorded.get("seeds", SEEDS) if seeds is None else seeds)
    used, cuts = fitted(resolved, loaded.table.designs)
    about = (opened_task.own_table, opened_task.hold, opened_task.start, opened_task.files)
    return Plan(used, resolved, cuts, loaded, numbers, found, *about)


def seed_numbers(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds asked for: a count, or the seeds themselves.

    Raises:
        RecipeError: for no seeds, a negative seed or a duplicate one.
    """
    given: Any = seeds
    given = range(given) if _whole(given) else given
    if isinstance(given, range) and len(given) > MOST_SEEDS:
        hint = f"for the single seed {seeds} write [{seeds}], or `--seeds {seeds},` on the command line"
        raise RecipeError(f"too many seeds: {seeds}, at most {MOST_SEEDS}", hint)
    numbers = tuple(given) if isinstance(given, Iterable) else ()
    if not numbers or not all(_whole(number) and 0 <= number < 2**64 for number in numbers):
        raise RecipeError(f"invalid seeds {seeds!r}", "give a count, or whole numbers from 0 to 2**64 - 1")
    if len(dict.fromkeys(numbers)) != len(numbers):
        raise RecipeError(f"duplicate seed in {list(map(int, numbers))}")
    return tuple(map(int, numbers))


def _whole(number: Any) -> bool:
    # Includes numpy integers; bool is excluded, though it is a subclass of int.
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def run(
    recipe: AnyRecipe,
    task: str | Task | None = None,
    *,
    seeds: int | Sequence[int] | None = None,
    preset: str | None = None,
    set: Sequence[str] = (),
    hold: Mapping[str, Any] | None = None,
    start: Any = None,
    out: str | Path | None = None,
    device: str = "auto",
    cache: str | Path | None = None,
    plugins: Sequence[object] = (),
    keep_proxy: bool | None = None,
    report: Report | None = None,
    registry: Registry | None = None,
) -> Result:
    """Run a recipe on a task.

    Args:
        recipe: a method's name, a TOML file, or the folder of an earlier run; or stages, as a `Recipe` or as a dict
            like a file's tables.
        task: a task's name, or a `Task` made from your own table (see `read_table` for files); optional if the recipe
            names one.
        seeds: how many (seeds 0, 1, ...), or which; 8 by default.
        preset: a preset of the recipe, e.g. `quick`; the base is the published method.
        set: options to change, e.g. `["proxy.epochs=5"]`, values in TOML.
        hold: columns that proposals keep at a value, e.g. `{"temp_C": 25}`; rows with other values are trained on.
        start: designs to search from, filled up with the best rows: a frame, an array, or a CSV file.
        out: the folder to store the run in; nothing is stored without.
        device: `auto` (cuda if available, else cpu), `cpu`, `cuda` or `mps`.
        cache: a folder of trained proxies; matching ones are reused, others are trained and added.
        plugins: Python files, modules or instances with stages, tasks or hooks, used for this run only.
        keep_proxy: whether to store the trained proxies in `out`; by default if they total at most 16 MiB.
        report: called at every step with phase, steps done and total.
        registry: the installed plugins; by default those of this environment.

    Returns:
        The result: designs, scores and records of the run.

    Raises:
        RecipeError: for an invalid recipe, option, task or mix, before any work.
        TaskError: for unusable data, before any training.
        StoreError: for a folder that cannot be created or written.
        Interrupted: on Ctrl-C; finished seeds are in the folder.
    """
    kept = () if cache is None else (Cache.create(Path(cache).absolute()),)
    asked = Asked(hold=hold or {}, start=start)
    planned = plan(recipe, task, seeds, preset, set, registry, (*plugins, *kept), asked)
    return execute(planned, Path(out) if out is not None else None, device, report, keep_proxy)


def execute(
    planned: Plan, out: Path | None, device: str, report: Report | None = None, keep_proxy: bool | None = None
) -> Result:
    """Carry out a plan, storing each group of seeds as soon as it finishes."""
    with _TURN, precision.fast_products() as products:
        result = Result(planned.recipe, planned.task, planned.seeds, products, choose_device(device), folder=out)
        result.own_table, result.cuts, result.hold = planned.own_table, planned.cuts, planned.hold
        result.started = 0 if planned.start is None else len(planned.start.x)
        folder = Folder.create(out) if out else None
        keeper = Keeper(folder, planned.task, len(planned.seeds), keep_proxy) if folder else None
        job = Job(planned, result, folder, report or (lambda *_: None), keeper)
        job.go()
    return result


def choose_device(device: str) -> str:
    """The device by name, `auto` resolved.

    Raises:
        RecipeError: if the device is not available.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device):
        raise RecipeError(
            f'device "{device}" is not available', f"available: {', '.join(d for d, ok in there.items() if ok)}"
        )
    return device


@dataclass
class Job:
    """A plan being carried out."""

    plan: Plan
    result: Result
    folder: Folder | None
    report: Report
    keeper: Keeper | None = None
    searched: bool = False
    """Whether the search takes any step."""

    def go(self) -> None:
        """Run all groups, and record the outcome in the folder even if the run fails."""
        start = time.perf_counter()
        self._store_recipe()
        try:
            with foreign("a stage of the recipe"):
                self._groups(start)
            self._finish("failed" if self.result.failed else "done", start)
        except KeyboardInterrupt:
            self._finish("interrupted", start)
            kept = f"; kept: {len(self.result.trials)} of {len(self.plan.seeds)} seeds" if self.folder else ""
            raise Interrupted(f"interrupted{kept}") from None
        except BaseException as error:
            self.result.failed.update({seed: reason_of(error) for seed in self._open()})
            self._finish("failed", start)
            raise

    def _open(self) -> list[int]:
        done = {**self.result.trials, **self.result.failed}
        return [seed for seed in self.plan.seeds if seed not in done]

    def _groups(self, start: float) -> None:
        self._record("running", start)
        recipe, task = self.plan.recipe, self.plan.task
        self.report("encode", 0, 1)
        check_untrained(recipe, task, self.plan.seeds)
        start_x = None if self.plan.start is None else self.plan.start.x
        encoded = encode_table(recipe.encoding, self.plan.seeds, task.table, self.result.device, start_x)
        self.result.notes += [*table_notes(self.plan.cuts, task), *encoded.notes(task.table)]
        self.result.notes += start_notes(self.plan.start, recipe.update)
        self.report("encode", 1, 1)
        folder = self.folder.path if self.folder else None
        hooks = Hooks(self.plan.registry.hooks(default))
        whole = Run(recipe, task, encoded, self.plan.seeds, folder=folder)
        self.searched = check_data(whole) > 0
        for group in lifting.groups(self.plan.seeds, at_once(whole)):
            watch = Watch(self._reporter(group))
            finished = self._group(hooks, replace(whole.only(group), watch=watch))
            for seed in finished:
                self._store_seed(seed)
            self._record("running", start)

    def _group(self, hooks: Hooks, run: Run) -> tuple[int, ...]:
        trained = hooks.train_proxy(run)
        self.result.failed.update(trained.failed)
        self.result.cached.extend(trained.cached)
        self.result.quality.update(trained.held_out)
        if not trained.seeds:
            return ()
        self._keep(predictors(run, trained))
        gap = hooks.mine_adversary(run, trained)
        candidates = hooks.update_solution(run, trained)
        scores = hooks.evaluate(run, candidates)
        outside = {seed: run.encoded.outside(x, seed) for seed, x in zip(candidates.seeds, candidates.x, strict=True)}
        self.result.notes += moved_notes(outside, candidates.x.shape[1])
        return self.result.add(candidates, scores, gap, run.watch)

    def _keep(self, trained: Mapping[int, Predictor]) -> None:
        self.result.predictors = {**self.result.predictors, **trained}
        if self.keeper:
            self.keeper.keep(trained)

    def _reporter(self, group: tuple[int, ...]) -> Report:
        label = f"seed {group[0]}" if len(group) == 1 else f"seeds {group[0]}..{group[-1]}"
        return lambda phase, done, total: self.report(f"{phase}, {label}", done, total)

    def _finish(self, status: str, start: float) -> None:
        self.result.status = status
        self.result.notes += findings(self.plan.task.table, self.result.found(), self.searched)
        self._record(status, start)

    def _record(self, status: str, start: float) -> None:
        self.result.seconds = time.perf_counter() - start
        self.result.status = status
        if self.folder:
            self.folder.record(self.result.record(versions(self.plan.registry)))

    def _store_recipe(self) -> None:
        if self.folder:
            plan = self.plan
            # As written: on a larger table the same file must not keep the limits of this one.
            self.folder.recipe(plan.asked.to_toml(plan.settings()))
            if plan.own_table:
                store_table(self.folder, plan.task)
            if plan.start is not None:
                store_start(self.folder, plan.task.space, plan.start.x)

    def _store_seed(self, seed: int) -> None:
        if self.folder:
            trial = self.result.trials[seed]
            rows = trial.rows(self.plan.task, self.result.seen)
            self.folder.seed(seed, trial.tensors(), rows, trial.steps)


def at_once(run: Run) -> int:
    """The number of seeds that are trained together."""
    proxy = run.recipe.proxy
    if lifting.mode(proxy, run.recipe.update) == "loop":
        return 1
    state, _ = state_and_info(proxy.init(run.keys(Stream.PROXY)[0], run.data))
    return lifting.at_once(state)


def versions(registry: Registry) -> Mapping[str, str]:
    """The versions of the core and of each plugin, by distribution."""
    from importlib.metadata import version

    return {"mbo-core": version("mbo-core"), **{plugin.distribution: plugin.version for plugin in registry.plugins}}
