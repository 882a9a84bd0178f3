"""`mbo propose`: a table of past experiments to a batch of designs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TextIO

import click
from click.core import ParameterSource

from mbo_core.cli.common import json_option, print_json
from mbo_core.cli.run import parse_hold, progress
from mbo_core.errors import MboError, RecipeError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("table")
@click.option("--continue", "before", type=click.Path(path_type=Path), metavar="DIR", help="TABLE holds new results.")
@click.option("--target", multiple=True, metavar="COLUMN", help="The table's column of scores.")
@click.option("--minimize", is_flag=True, help="Smaller scores are better.")
@click.option("--batch", type=int, metavar="N", help="How many designs; 16 by default.")
@click.option("--recipe", default="auto", show_default=True, metavar="auto|NAME|FILE", help="What proposes them.")
@click.option("--space", metavar="FILE.toml", help="A file that corrects the space inferred from the table.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column that is no input. Repeatable.")
@click.option("--limit", "limits", multiple=True, metavar="COLUMN<=NUMBER", help="A limit on a measured column.")
@click.option("--error", metavar="COLUMN", help="The column with the standard deviation of each score.")
@click.option("--start", metavar="FILE.csv", help="Designs to search from, before the best rows.")
@click.option("--fix", multiple=True, metavar="COLUMN=VALUE", help="Keep a column at a value. Repeatable.")
@click.option("--tiers", metavar="SAFE,STRETCH,EXPLORE", help="How many at which distance, e.g. 12,3,1.")
@click.option("--budget", default="5m", show_default=True, metavar="TIME", help="The most time, e.g. 90s, 5m, 1h.")
@click.option("--sheet", metavar="NAME", help="The sheet of an Excel workbook.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder; a new one in mbo-proposals by default.")
@click.option("--dry-run", is_flag=True, help="Print how the table is read and its space; train and store nothing.")
@click.option("--save-space", type=click.Path(path_type=Path), metavar="FILE.toml", help="Write the space, and stop.")
@json_option
def propose(
    table: str,
    before: Path | None,
    as_json: bool,
    dry_run: bool,
    save_space: Path | None,
    out: Path | None,
    **options: Any,
) -> None:
    """Propose designs that should score better than the rows of TABLE, a CSV, Excel or Parquet file, or -.

    With --continue DIR, TABLE holds new results: they are added to the table of DIR, and the next batch is proposed as
    there, but for the options that are given. --target, --minimize, --ignore and --error cannot change.
    """
    from mbo_propose.again import continued
    from mbo_propose.folder import new_folder, write_space
    from mbo_propose.pipeline import opened, proposed

    results = sys.stdout
    try:
        # Output of a plugin is not a result.
        with progress() as report, redirect_stdout(sys.stderr):
            if before is None:
                made = opened(table, wishes_of(**options))
            else:
                made = continued(before, table, _changed(options))
            if save_space is not None:
                write_space(made, save_space)
            elif not dry_run:
                folder = new_folder(out, made.task.name)
                proposed(made, folder, None if as_json else _shown_on(results), report)
    except MboError as error:
        raise RecipeError(error.message, error.hint) from error
    if as_json:
        print_json(made.summary())
    elif dry_run or save_space is not None:
        _shown_on(results)("space", made)


def _shown_on(results: TextIO) -> Callable[[str, Any], None]:
    """What prints each part on the standard output, even while that is redirected."""
    from mbo_propose.printing import show

    def shown(stage: str, made: Any) -> None:
        with redirect_stdout(results):
            show(stage, made)

    return shown


def _changed(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were typed, as they are in `Wishes`."""
    from mbo_propose.wishes import parse_budget, parse_tiers

    source = click.get_current_context().get_parameter_source
    given = {name: value for name, value in options.items() if source(name) is ParameterSource.COMMANDLINE}
    parsers: dict[str, Callable[[Any], Any]] = {"fix": _held, "tiers": parse_tiers, "budget": parse_budget}
    return {name: parsers[name](value) if name in parsers else value for name, value in given.items()}


def wishes_of(target: tuple[str, ...], fix: tuple[str, ...], tiers: str | None, budget: str, **others: Any) -> Any:
    """The options of the command line as wishes.

    Raises:
        RecipeError: for options that are missing or do not fit.
    """
    from mbo_propose.wishes import Wishes, parse_budget, parse_tiers

    if not target:
        raise RecipeError("missing --target", "name the column of the scores: --target COLUMN")
    if len(target) > 1:
        hint = f'propose for one, and limit the others: --target {target[0]} --limit "{target[1]}<=..."'
        raise RecipeError(f"several targets: {', '.join(target)}", hint)
    return Wishes(target=target[0], fix=_held(fix), tiers=parse_tiers(tiers), budget=parse_budget(budget), **others)


def _held(fix: tuple[str, ...]) -> dict[str, str]:
    return parse_hold(fix, "--fix")
