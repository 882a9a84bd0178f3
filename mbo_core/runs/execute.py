"""Run a recipe on a task: the function behind `mbo run`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mbo_core.functional import precision
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.values import AnyRecipe
from mbo_core.runs.cache import Cache
from mbo_core.runs.job import Job
from mbo_core.runs.kept import Kept
from mbo_core.runs.opening import Asked
from mbo_core.runs.planning import Plan, choose_device, plan
from mbo_core.runs.progress import Options
from mbo_core.runs.result import Result
from mbo_core.runs.store import named
from mbo_core.runs.watch import Report
from mbo_core.tasks.task import Task

_TURN = threading.RLock()
"""Runs in threads take turns, because the precision of products is set for the whole process."""


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
    resume: bool = False,
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
        resume: continue the unfinished run in `out`, if there is one, where it was stopped; its designs are those of an
            undisturbed run to the last bit, on such a processor with as many threads. Recipe, task, data and versions
            must be the same; `out` may stand for the recipe.
        report: called at every step with phase, steps done and total.
        registry: the installed plugins; by default those of this environment.

    Returns:
        The result: designs, scores and records of the run.

    Raises:
        RecipeError: for an invalid recipe, option, task or mix, before any work.
        TaskError: for unusable data, before any training.
        StoreError: for a folder that cannot be created or written, is in use, or holds another run.
        Interrupted: on Ctrl-C; finished seeds are in the folder.
    """
    place, folder = named(cache, "cache"), named(out, "out")
    kept = () if place is None else (Cache.create(place.absolute()),)
    asked = Asked(hold=hold or {}, start=start)
    planned = plan(recipe, task, seeds, preset, set, registry, (*plugins, *kept), asked)
    given = tuple(plugins)
    return execute(planned, folder, device, report, keep_proxy, resume=resume, cache=place, plugins=given)


def execute(
    planned: Plan,
    out: Path | None,
    device: str,
    report: Report | None = None,
    keep_proxy: bool | None = None,
    *,
    resume: bool = False,
    cache: Path | None = None,
    plugins: Sequence[object] = (),
) -> Result:
    """Carry out a plan, storing each group of seeds as soon as it finishes; see `run` for the arguments."""
    with _TURN, precision.fast_products() as products:
        result = Result(planned.recipe, planned.task, planned.seeds, products, choose_device(device), folder=out)
        result.own_table, result.cuts, result.hold = planned.own_table, planned.cuts, planned.hold
        result.started = 0 if planned.start is None else len(planned.start.x)
        job = Job(planned, result, report or (lambda *_: None))
        if out is None:
            job.go()
            return result
        options = _options(planned, result.device, keep_proxy, cache, plugins)
        job.kept = Kept.open(out.absolute(), planned, options, versions(planned.registry), products, resume)
        try:
            job.go()
        finally:
            job.kept.lock.release()
    return result


def _options(
    planned: Plan, device: str, keep_proxy: bool | None, cache: Path | None, plugins: Sequence[object]
) -> Options:
    """What `mbo run --resume` has to know besides the recipe."""
    files = [str(Path(one).absolute()) for one in plugins if isinstance(one, (str, Path)) and Path(one).is_file()]
    recipe = planned.recipe
    place = None if cache is None else str(cache.absolute())
    return Options(device, keep_proxy, place, tuple(files), recipe.preset, recipe.changed)


def versions(registry: Registry) -> Mapping[str, str]:
    """The versions of the core and of each plugin, by distribution."""
    from importlib.metadata import version

    return {"mbo-core": version("mbo-core"), **{plugin.distribution: plugin.version for plugin in registry.plugins}}
