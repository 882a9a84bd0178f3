"""What the commands share: options, the registry with its problems, tables and JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from mbo_core.errors import MboError

if TYPE_CHECKING:
    from rich.console import Console

    from mbo_core.plugins.registry import Registry

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
preset_option = click.option("--preset", metavar="NAME", help="A preset of the recipe, e.g. quick.")
set_option = click.option(
    "--set", "sets", multiple=True, metavar="ROLE.OPTION=VALUE", help="Change an option; VALUE is TOML. Repeatable."
)
WITHOUT = "mbo.without"
"""Where the names given to --without are kept in click's context."""
WIDTH = 110
"""Columns of a table that does not go to a terminal."""


def plugins_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--without`, which `registry` reads."""
    return click.option(
        "--without",
        multiple=True,
        metavar="PLUGIN",
        expose_value=False,
        callback=_remember,
        help="Leave out a plugin, or all of a distribution. Repeatable.",
    )(command)


def _remember(context: click.Context, _: click.Parameter, names: tuple[str, ...]) -> None:
    context.meta[WITHOUT] = (*context.meta.get(WITHOUT, ()), *names)


def registry(context: click.Context | None = None) -> Registry:
    """What is installed, without what a person leaves out.

    Raises:
        MboError: under MBO_STRICT=1, before any work, if a plugin is broken, incompatible or a duplicate.
    """
    from mbo_core.plugins.registry import installed

    found = installed((context or click.get_current_context()).meta.get(WITHOUT, ()))
    if os.environ.get("MBO_STRICT", "") not in {"", "0"}:
        _insist(found)
    return found


def _insist(found: Registry) -> None:
    found.examine()
    if any(plugin.status not in {"ok", "blocked"} for plugin in found.plugins):
        lines = "\n".join(found.problems)
        raise MboError(
            f"MBO_STRICT is set, and not every plugin is ok\n\n{lines}", "mend it, or leave it out: --without"
        )


def print_json(values: Any) -> None:
    """One JSON object on stdout; what is not finite becomes null, as JSON knows no NaN."""
    from mbo_core.runs.store import to_json

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
