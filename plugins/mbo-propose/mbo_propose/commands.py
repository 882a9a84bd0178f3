"""`mbo propose`: a table of past experiments to a batch of designs."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

import click

from mbo_core.cli.common import json_option, print_json, print_table
from mbo_core.cli.run import parse_hold
from mbo_core.errors import MboError, RecipeError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("table")
@click.option("--target", required=True, metavar="COLUMN", help="The table's column of scores.")
@click.option("--minimize", is_flag=True, help="Smaller scores are better.")
@click.option("--batch", default=16, show_default=True, metavar="N", help="How many designs.")
@click.option("--recipe", default="auto", show_default=True, metavar="auto|NAME|FILE", help="What proposes them.")
@click.option("--space", metavar="FILE.toml", help="A file that corrects the space inferred from the table.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column that is no input. Repeatable.")
@click.option("--start", metavar="FILE.csv", help="Designs to search from, before the best rows.")
@click.option("--fix", multiple=True, metavar="COLUMN=VALUE", help="Keep a column at a value. Repeatable.")
@json_option
def propose(table: str, as_json: bool, fix: tuple[str, ...], **wishes: Any) -> None:
    """Propose designs that should score better than the rows of TABLE."""
    from mbo_propose.pipeline import propose_from
    from mbo_propose.wishes import Wishes

    try:
        with redirect_stdout(sys.stderr):
            found = propose_from(table, Wishes(**wishes, fix=parse_hold(fix)))
    except MboError as error:
        raise RecipeError(error.message, error.hint) from error
    if as_json:
        print_json(found.summary())
        return
    for note in found.notes:
        click.echo(note, err=True)
    frame = found.frame()
    print_table(tuple(frame.columns), [[str(cell) for cell in row] for row in frame.itertuples(index=False)])
