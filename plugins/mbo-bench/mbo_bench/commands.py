"""`mbo bench`: run a grid of recipes, tasks and seeds."""

from __future__ import annotations

import os
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbo_core.cli.common import FILES, WITHOUT, json_option, plugins_option, print_json, registry
from mbo_core.cli.run import parse_seeds
from mbo_core.errors import MboError, RecipeError
from mbo_core.text import say

if TYPE_CHECKING:
    from mbo_bench.cells.cell import Cell
    from mbo_bench.engines.driver import Counts, State
    from mbo_bench.engines.job import Setting
    from mbo_core.plugins.registry import Registry


class Stopped(MboError):
    """A bench was stopped by Ctrl-C; finished cells are kept."""

    exit_code = 130


HELP = {"help_option_names": ["-h", "--help"]}


@click.command(context_settings=HELP)
@click.argument("grid", required=False, type=click.Path(dir_okay=False, path_type=Path), metavar="[GRID.toml]")
@click.option("--methods", metavar="A,B", help="Methods or recipe files, separated by commas.")
@click.option("--tasks", metavar="X,Y", help="Installed tasks, separated by commas.")
@click.option("--seeds", metavar="SEEDS", help="A count (8), seeds (0,3,5) or a range (0-15); 8 by default.")
@click.option("--seeds-per-cell", type=int, metavar="N", help="How many seeds are trained together; 8 by default.")
@click.option("--preset", metavar="NAME", help="A preset of all methods, e.g. quick.")
@click.option("--set", "sets", multiple=True, metavar="ROLE.OPTION=VALUE", help="Change an option of all methods.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The bench's folder.")
@click.option("--workers", type=int, metavar="N", help="How many cells at a time; one for each core by default.")
@click.option("--threads", type=int, default=1, show_default=True, help="Threads of a cell.")
@click.option("--device", default="auto", metavar="auto|cpu|cuda|mps", show_default=True, help="Where to compute.")
@click.option("--budget", metavar="TIME", help="Start no cell after this time, e.g. 90s, 20m, 3h.")
@click.option("--retry-failed", is_flag=True, help="Run failed and refused cells again.")
@click.option("--verify", type=click.Path(path_type=Path), metavar="ROW.json", help="Repeat a row of a board.")
@click.option("--dry-run", is_flag=True, help="Print what is done and what is left; run nothing.")
@json_option
@plugins_option
def bench(
    grid: Path | None,
    out: Path | None,
    workers: int | None,
    threads: int,
    device: str,
    budget: str | None,
    retry_failed: bool,
    verify: Path | None,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run every recipe of a grid on every task with every seed, each cell in a process of its own.

    The same command again does only what is missing.
    """
    found, meta = registry(), click.get_current_context().meta
    if verify is not None:
        _verify(verify, found, device, out, as_json)
        return
    if out is None:
        raise RecipeError("missing --out", "name the bench's folder: --out DIR")
    from mbo_bench.durable.folder import Bench
    from mbo_bench.engines.driver import State
    from mbo_bench.engines.job import Setting
    from mbo_bench.grid.planning import cells
    from mbo_bench.grid.reading import read_grid

    limit = float("inf") if budget is None else parse_time(budget)
    # Output of a plugin is not a result.
    with redirect_stdout(sys.stderr):
        planned = cells(read_grid(grid, _given(**options), found), found)
    place = Bench.open(out) if dry_run and (out / "bench.json").exists() else None
    if dry_run:
        _dry_run(planned, None if place is None else State.of(place, planned), retry_failed, as_json)
        return
    place = Bench.create(out)
    place.add_grid(planned)
    files = tuple(os.path.abspath(file) for file in meta.get(FILES, ()))
    setting = Setting(os.path.abspath(out), files, meta.get(WITHOUT, ()), device, retry_failed, threads)
    state = State.of(place, planned)
    for text in state.ledger.damaged:
        say(f"warning: {text}", err=True)
    _finish(_drive(state, setting, workers or _cores(), limit), state, as_json)


def _verify(path: Path, found: Registry, device: str, out: Path | None, as_json: bool) -> None:
    from mbo_bench.board import read_row, verify

    row = read_row(path)
    # Output of a plugin is not a result.
    with redirect_stdout(sys.stderr):
        verdict = verify(row, found, device, out)
    if as_json:
        print_json(vars(verdict))
    else:
        say(f"{row.cell.label}: {verdict.text}")
    if not verdict.holds:
        raise click.exceptions.Exit(1)


def _given(methods: str | None, tasks: str | None, seeds: str | None, sets: tuple[str, ...], **others: Any) -> Any:
    """The options as a grid has them."""
    lists = {"methods": methods, "tasks": tasks}
    named = {key: [name.strip() for name in text.split(",") if name.strip()] for key, text in lists.items() if text}
    return {**named, "seeds": None if seeds is None else parse_seeds(seeds), "set": list(sets), **others}


def _drive(state: State, setting: Setting, workers: int, budget: float) -> Counts:
    from mbo_bench.engines.driver import Driver
    from mbo_bench.engines.local import Local
    from mbo_bench.progress import shown

    if workers < 1 or setting.threads < 1:
        raise RecipeError("--workers and --threads must be at least 1")
    missing = len(state.missing(setting.retry))
    if not missing:
        return state.counts(set())
    workers = min(workers, missing)
    try:
        with shown(state, workers) as report:
            return Driver(state, Local(setting, workers), setting, report, budget).go()
    except KeyboardInterrupt:
        state.refresh()
        counts = state.counts(set())
        fact = f"interrupted: {counts.done} of {counts.all} cells done"
        raise Stopped(fact, "the same command runs the others") from None


def _finish(counts: Counts, state: State, as_json: bool) -> None:
    from mbo_bench.progress import line

    if as_json:
        print_json({"cells": vars(counts), "folder": str(state.bench.path)})
    else:
        say(line(counts, None).removesuffix(", time left unknown"))
        for cell in state.refused:
            say(f"refused: {cell.label}: {cell.refused}", err=True)
    if counts.failed:
        raise click.exceptions.Exit(1)


def _dry_run(planned: list[Cell], state: State | None, retry: bool, as_json: bool) -> None:
    from mbo_bench.dry_run import print_cells

    print_cells(planned, state, retry, as_json)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_time(text: str) -> float:
    """Seconds from a time.

    Raises:
        RecipeError: if it is none.

    >>> parse_time("90s"), parse_time("1.5h")
    (90.0, 5400.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip())
    if found is None:
        raise RecipeError(f'invalid --budget "{text}"', "write seconds, minutes or hours: 90s, 20m, 3h")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
