"""`mbo run`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mbo_core.cli.common import (
    Named,
    given_files,
    json_option,
    plugins_option,
    preset_option,
    print_json,
    registry,
    said_of_table,
    set_option,
    table_options,
    task_option,
)
from mbo_core.cli.resuming import begun
from mbo_core.cli.stopping import output, stoppable
from mbo_core.errors import RecipeError
from mbo_core.text import printable, say

if TYPE_CHECKING:
    from mbo_core.runs.watch import Report

RUNS = Path("mbo-runs")
"""The folder for runs without --out."""


@click.command()
@click.argument("recipe", required=False)
@task_option("An installed task, or a table FILE.csv or FILE.npz; optional if the recipe names one.")
@table_options
@click.option("--hold", multiple=True, metavar="COLUMN=VALUE", help="Keep a column at a value. Repeatable.")
@click.option("--start", metavar="FILE.csv", help="Designs to search from, filled up with the best rows.")
@click.option("--seeds", metavar="SEEDS", help="A count (8), seeds (0,3,5) or a range (0-15); 8 by default.")
@preset_option
@set_option
@click.option(
    "--out",
    type=Named(path_type=Path),
    help="The run's folder, or an unfinished one; a new one in mbo-runs by default.",
)
@click.option("--resume", type=Named(path_type=Path), metavar="FOLDER", help="Continue the unfinished run in a folder.")
@click.option(
    "--cache",
    type=Named(file_okay=False, path_type=Path),
    help="A folder of trained proxies: matching ones are reused, others are trained and added.",
)
@click.option("--keep-proxy", is_flag=True, help="Store the trained proxies even if they exceed 16 MiB.")
@click.option("--device", default="auto", metavar="auto|cpu|cuda|mps", show_default=True, help="Where to compute.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the resolved recipe, the rows and steps, and the estimated time and memory; train nothing.",
)
@json_option
@plugins_option
def run(
    recipe: str | None,
    task: str | None,
    target: str | None,
    minimize: bool,
    weights: str | None,
    space: str | None,
    ignore: tuple[str, ...],
    hold: tuple[str, ...],
    start: str | None,
    seeds: str | None,
    preset: str | None,
    sets: tuple[str, ...],
    out: Path | None,
    resume: Path | None,
    cache: Path | None,
    keep_proxy: bool,
    device: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run RECIPE: a method, a TOML file, or the recipe.toml of an earlier run; or continue a run with --resume."""
    found = registry()
    from mbo_core.cli.dry_run import print_estimate
    from mbo_core.cli.report import print_result
    from mbo_core.runs.cache import Cache
    from mbo_core.runs.execute import execute
    from mbo_core.runs.opening import Asked
    from mbo_core.runs.planning import choose_device, plan
    from mbo_core.runs.store import fresh

    recipe, out, options = begun(recipe, out, resume)
    cache = cache or (Path(options.cache) if options.cache else None)
    given = [str(Path(file).absolute()) for file in given_files()]
    files = dict.fromkeys([*options.plugins, *given])
    found = found.including([file for file in files if file not in given])
    kept = (Cache.create(cache.absolute()),) if cache else ()
    asked = Asked(said_of_table(target, minimize, weights, space, ignore), parse_hold(hold), start)
    numbers = None if seeds is None else parse_seeds(seeds)
    planned = plan(recipe, task, numbers, preset, sets, found, kept, asked)
    for note in planned.task.notes:
        say(note, err=True)
    # Checked before a folder is made, so that a failure leaves no empty one.
    device = choose_device(options.device if device == "auto" else device)
    if dry_run:
        print_estimate(planned, device, as_json)
        return
    folder = out or fresh(RUNS, f"{planned.recipe.name}-{planned.task.name}")
    # Output of a plugin is not a result.
    with progress() as report, redirect_stdout(sys.stderr), stoppable():
        result = execute(
            planned, folder, device, report, keep_proxy or None, resume=True, cache=cache, plugins=tuple(files)
        )
    with output(f"the run is stored in {folder}"):
        if as_json:
            print_json(result.summary())
        else:
            print_result(result)
    if result.failed:
        raise click.exceptions.Exit(1)


def parse_hold(texts: Iterable[str], option: str = "--hold") -> dict[str, str]:
    """Columns and the values that proposals keep, from the texts of an option.

    Raises:
        RecipeError: for text without a value, or a column twice.

    >>> parse_hold(["temp_C=25", "gas=N2"])
    {'temp_C': '25', 'gas': 'N2'}
    """
    held: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise RecipeError(f'invalid {option} "{text}"', f"write {option} COLUMN=VALUE")
        if name.strip() in held:
            raise RecipeError(f"duplicate {option} of {name.strip()}", "leave out one of them")
        held[name.strip()] = value.strip()
    return held


def parse_seeds(text: str) -> int | list[int]:
    """A count, or the seeds themselves.

    Raises:
        RecipeError: if it is neither.

    >>> parse_seeds("8"), parse_seeds("0,3,5"), parse_seeds("0-3,7"), parse_seeds("3,")
    (8, [0, 3, 5], [0, 1, 2, 3, 7], [3])
    """
    try:
        if text.strip().isdigit():
            return int(text)
        return [seed for part in text.split(",") if part.strip() for seed in _span(part)]
    except ValueError:
        hint = "write a count (8), seeds (0,3,5; one as 3,) or a range (0-15)"
        raise RecipeError(f'invalid --seeds "{text}"', hint) from None


def _span(part: str) -> range:
    first, dash, last = part.partition("-")
    seeds = range(int(first), int(last if dash else first) + 1)
    if not seeds:
        raise ValueError(part)
    return seeds


@contextmanager
def progress() -> Iterator[Report]:
    """A progress bar on stderr for each phase, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, int] = {}

        def report(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(printable(phase), total=total)
            bars.update(bars.task_ids[tasks[phase]], completed=done)

        yield report
