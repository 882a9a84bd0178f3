"""From a recipe, a task and seeds to a result: the function behind `mbo run`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mbo_core.errors import MboError, RecipeError, reason_of
from mbo_core.functional import precision
from mbo_core.plugins.registry import Registry, installed
from mbo_core.recipes import resolve as recipes
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.values import AnyRecipe, opened
from mbo_core.runs import default
from mbo_core.runs import seeds as lifting
from mbo_core.runs.cache import Cache
from mbo_core.runs.default import check_data
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.hooks import Hooks
from mbo_core.runs.records import Run
from mbo_core.runs.result import Result
from mbo_core.runs.seeds import Stream
from mbo_core.runs.store import Folder
from mbo_core.runs.watch import Report, Watch
from mbo_core.tasks.task import Task

SEEDS = 8
"""Trials by default, as in the published tables."""

MOST_SEEDS = 10_000
"""A larger count is more likely a seed."""

_TURN = threading.RLock()
"""Runs in threads take turns: the precision of products and the registered cache are those of the process."""


class Interrupted(MboError):
    """A run that was stopped from outside; what was finished is kept."""

    exit_code = 130


@dataclass(frozen=True)
class Plan:
    """A run that was checked and can start."""

    recipe: Recipe
    task: Task
    seeds: tuple[int, ...]
    registry: Registry
    own_table: bool = False


def plan(
    recipe: AnyRecipe,
    task: str | Task | None = None,
    seeds: int | Sequence[int] | None = None,
    preset: str | None = None,
    set: Sequence[str] = (),
    registry: Registry | None = None,
    plugins: Sequence[object] = (),
) -> Plan:
    """Check everything that can be checked before any work; see `run` for the arguments."""
    if isinstance(set, str):
        raise RecipeError(f"set is the text {set!r}", f"give a list: set=[{set!r}]")
    found = (registry or installed()).including(plugins)
    document, found = opened(recipe, found)
    recorded = recipes.recorded_run(document)
    loaded = _task(task if task is not None else recorded.get("task"), found)
    resolved = recipes.resolve(document, found, kind=loaded.kind, task=loaded.name, preset=preset, sets=set)
    numbers = seed_numbers(recorded.get("seeds", SEEDS) if seeds is None else seeds)
    return Plan(resolved, loaded, numbers, found, own_table=isinstance(task, Task))


def _task(task: Any, registry: Registry) -> Task:
    if isinstance(task, Task):
        return task
    if task is None:
        raise RecipeError("no task is named", "name one with --task; `mbo list-tasks` lists them")
    if not isinstance(task, str):
        raise RecipeError(f"the task is of type {type(task).__name__}", "name one, or give mbo.Task(name, x, y)")
    return registry.task(task).load()


def seed_numbers(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds asked for: a count, or the seeds themselves.

    Raises:
        RecipeError: if there are none, or one is negative or given twice.
    """
    given: Any = seeds
    given = range(given) if _whole(given) else given
    if isinstance(given, range) and len(given) > MOST_SEEDS:
        hint = f"for the one seed write [{seeds}], or {seeds}, on the command line, with its comma"
        raise RecipeError(f"{seeds} seeds are asked for, more than {MOST_SEEDS}", hint)
    numbers = tuple(given) if isinstance(given, Iterable) else ()
    if not numbers or not all(_whole(number) and 0 <= number < 2**64 for number in numbers):
        raise RecipeError(f"seeds are {seeds!r}", "give a count, or whole numbers from 0 to 2**64 - 1")
    if len(dict.fromkeys(numbers)) != len(numbers):
        raise RecipeError(f"a seed stands twice in {list(map(int, numbers))}")
    return tuple(map(int, numbers))


def _whole(number: Any) -> bool:
    # Also numpy's; True is an int to Python only.
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def run(
    recipe: AnyRecipe,
    task: str | Task | None = None,
    *,
    seeds: int | Sequence[int] | None = None,
    preset: str | None = None,
    set: Sequence[str] = (),
    out: str | Path | None = None,
    device: str = "auto",
    cache: str | Path | None = None,
    plugins: Sequence[object] = (),
    report: Report | None = None,
    registry: Registry | None = None,
) -> Result:
    """Run a recipe on a task.

    Args:
        recipe: a method's name, a TOML file, or the folder of an earlier run; or stages, as a `Recipe` or a dict of the
            tables that a file has.
        task: a task's name, or a `Task` made of your own table; may be left out where the recipe names one.
        seeds: how many (seeds 0, 1, ...), or which; 8 by default.
        preset: a preset of the recipe, e.g. `quick`; the base is the published method.
        set: options to change, e.g. `["proxy.epochs=5"]`, values in TOML.
        out: the folder to store the run in; nothing is stored without.
        device: `auto` (cuda where there is one, else cpu), `cpu`, `cuda` or `mps`.
        cache: a folder of trained proxies, which are used where they fit and added to.
        plugins: Python files, modules or instances with stages, tasks or hooks, used for this run alone.
        report: is told of every step: phase, steps done, total.
        registry: what is installed, by default in this environment.

    Returns:
        Designs, scores and what else is known of the run.

    Raises:
        RecipeError: for a recipe, option, task or mix that cannot be carried out, before any work.
        TaskError: for data that cannot be used, before any training.
        StoreError: for a folder that cannot be made or written.
        Interrupted: on Ctrl-C; what was finished is in the folder.
    """
    kept = () if cache is None else (Cache.create(Path(cache)),)
    planned = plan(recipe, task, seeds, preset, set, registry, (*plugins, *kept))
    return execute(planned, Path(out) if out is not None else None, device, report)


def execute(planned: Plan, out: Path | None, device: str, report: Report | None = None) -> Result:
    """Carry out a plan, storing each group of seeds as soon as it is finished."""
    with _TURN, precision.fast_products() as products:
        result = Result(planned.recipe, planned.task, planned.seeds, products, choose_device(device), folder=out)
        result.own_table = planned.own_table
        job = Job(planned, result, Folder.create(out) if out else None, report or (lambda *_: None))
        job.go()
    return result


def choose_device(device: str) -> str:
    """The device by name, `auto` resolved.

    Raises:
        RecipeError: if torch has no such device here.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device):
        raise RecipeError(
            f'there is no device "{device}" here', f"there is {', '.join(d for d, ok in there.items() if ok)}"
        )
    return device


@dataclass
class Job:
    """A plan on its way."""

    plan: Plan
    result: Result
    folder: Folder | None
    report: Report

    def go(self) -> None:
        """Run all groups; whatever happens, the folder says so."""
        start = time.perf_counter()
        self._store_recipe()
        try:
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
        encoded = encode_table(recipe.encoding, self.plan.seeds, task.table, self.result.device)
        self.result.notes += encoded.notes(task.table)
        self.report("encode", 1, 1)
        folder = self.folder.path if self.folder else None
        hooks = Hooks(self.plan.registry.hooks(default))
        whole = Run(recipe, task, encoded, self.plan.seeds, folder=folder)
        check_data(whole)
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
        if not trained.seeds:
            return ()
        gap = hooks.mine_adversary(run, trained)
        candidates = hooks.update_solution(run, trained)
        scores = hooks.evaluate(run, candidates)
        return self.result.add(candidates, scores, gap, run.watch)

    def _reporter(self, group: tuple[int, ...]) -> Report:
        label = f"seed {group[0]}" if len(group) == 1 else f"seeds {group[0]}..{group[-1]}"
        return lambda phase, done, total: self.report(f"{phase}, {label}", done, total)

    def _finish(self, status: str, start: float) -> None:
        self.result.status = status
        self._record(status, start)

    def _record(self, status: str, start: float) -> None:
        self.result.seconds = time.perf_counter() - start
        self.result.status = status
        if self.folder:
            self.folder.record(self.result.record(versions(self.plan.registry)))

    def _store_recipe(self) -> None:
        if self.folder:
            plan = self.plan
            self.folder.recipe(
                plan.recipe.to_toml({"task": plan.task.name, "seeds": plan.seeds, "preset": plan.recipe.preset})
            )

    def _store_seed(self, seed: int) -> None:
        if self.folder:
            trial = self.result.trials[seed]
            rows = trial.rows(self.plan.task, self.result.seen)
            self.folder.seed(seed, trial.tensors(), rows, trial.steps)


def at_once(run: Run) -> int:
    """How many seeds of a run are trained together."""
    proxy = run.recipe.proxy
    if lifting.mode(proxy, run.recipe.update) == "loop":
        return 1
    return lifting.at_once(proxy.init(run.keys(Stream.PROXY)[0], run.data))


def versions(registry: Registry) -> Mapping[str, str]:
    """The core's and each plugin's version, by distribution."""
    from importlib.metadata import version

    return {"mbo-core": version("mbo-core"), **{plugin.distribution: plugin.version for plugin in registry.plugins}}
