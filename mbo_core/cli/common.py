"""What the commands share: options, the registry with its complaints, tables and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from mbo_core.plugins import Registry

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
preset_option = click.option("--preset", metavar="NAME", help="A preset of the recipe, e.g. quick.")
set_option = click.option(
    "--set", "sets", multiple=True, metavar="SECTION.OPTION=VALUE", help="Change an option; VALUE is TOML. Repeatable."
)
WIDTH = 110
"""Columns of a table that does not go to a terminal."""


def registry() -> Registry:
    """What is installed; when the command ends, a line on stderr for each plugin that does not work."""
    from mbo_core.plugins import installed

    found = installed()
    click.get_current_context().call_on_close(lambda: complain(found))
    return found


def complain(found: Registry) -> None:
    """Say on stderr which plugins do not work."""
    for line in found.complaints:
        click.echo(f"warning: {line}", err=True)


def print_json(values: Any) -> None:
    """One JSON object on stdout; what is not finite becomes null, as JSON knows no NaN."""
    from mbo_core.store import to_json

    click.echo(to_json(values))


def console() -> Console:
    """Where results are printed."""
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=False)
    return out if out.is_terminal else Console(highlight=False, width=WIDTH)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """A table on stdout; columns whose name starts with `>` are set to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)
