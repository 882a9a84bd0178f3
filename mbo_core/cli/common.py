"""Shared by all commands: options, the registry, tables and JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from mbo_core.errors import MboError, RecipeError
from mbo_core.text import printable, say

if TYPE_CHECKING:
    from rich.console import Console

    from mbo_core.plugins.registry import Registry

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
preset_option = click.option("--preset", metavar="NAME", help="A preset of the recipe, e.g. quick.")
set_option = click.option(
    "--set", "sets", multiple=True, metavar="ROLE.OPTION=VALUE", help="Change an option; VALUE is TOML. Repeatable."
)


class Named(click.Path):
    """A path that is not empty, which would mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path.

        Raises:
            RecipeError: if it is empty.
        """
        if not str(value).strip():
            raise RecipeError(f"--{param.name if param else 'path'} is empty", "name a folder, or leave it out")
        return super().convert(value, param, ctx)


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How to read a table from a file; see `said_of_table`."""
    for option in (
        click.option("--ignore", multiple=True, metavar="COLUMN", help="A column that is no input. Repeatable."),
        click.option("--space", metavar="FILE.toml", help="A file that corrects the space inferred from a table."),
        click.option("--weights", metavar="COLUMN", help="The table's column of importance weights."),
        click.option("--minimize", is_flag=True, help="Smaller scores are better."),
        click.option("--target", metavar="COLUMN", help="The table's column of scores."),
    ):
        command = option(command)
    return command


def said_of_table(
    target: str | None, minimize: bool, weights: str | None, space: str | None, ignore: Sequence[str]
) -> dict[str, Any]:
    """The options of `table_options` that were given."""
    options = {"target": target, "minimize": minimize, "weights": weights, "space": space, "ignore": ignore}
    return {name: value for name, value in options.items() if value}


def task_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option `--task`, which may be given only once."""
    return click.option("--task", "task", multiple=True, metavar="TASK", callback=_only_one, help=text)


def _only_one(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> str | None:
    if len(given) > 1:
        hint = "run the command once for each"
        raise RecipeError(f"duplicate --{option.name}: {', '.join(given)}", hint)
    return given[0] if given else None


WITHOUT = "mbo.without"
"""The key for the names given to --without in click's context."""
FILES = "mbo.plugins"
"""The same for --plugin."""
WITH_FILES = "mbo.registry"
"""The registry with these files, each of which is imported once per command."""
WIDTH = 100
"""The width of a table that is not printed on a terminal."""


def plugins_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--plugin` and `--without`, which `registry` reads."""
    given = click.option(
        "--plugin",
        multiple=True,
        metavar="FILE.py",
        expose_value=False,
        callback=_remember(FILES),
        help="Use the stages, tasks and hooks of a Python file for this command only. Repeatable.",
    )
    without = click.option(
        "--without",
        multiple=True,
        metavar="PLUGIN",
        expose_value=False,
        callback=_remember(WITHOUT),
        help="Disable a plugin, or all plugins of a distribution. Repeatable.",
    )
    return given(without(command))


def _remember(key: str) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], None]:
    def remember(context: click.Context, _: click.Parameter, names: tuple[str, ...]) -> None:
        context.meta[key] = (*context.meta.get(key, ()), *names)

    return remember


def given_files() -> tuple[str, ...]:
    """The Python files given to --plugin."""
    files: tuple[str, ...] = click.get_current_context().meta.get(FILES, ())
    return files


def registry(context: click.Context | None = None) -> Registry:
    """What is installed, without the disabled plugins and with the given files.

    Raises:
        RecipeError: for a file that is not a plugin.
        MboError: under MBO_STRICT=1, before any work, if a plugin is broken, incompatible or a duplicate.
    """
    from mbo_core.plugins.registry import installed

    meta = (context or click.get_current_context()).meta
    found = installed(meta.get(WITHOUT, ()))
    if files := meta.get(FILES):
        found = meta[WITH_FILES] = meta.get(WITH_FILES) or found.including(files)
    if os.environ.get("MBO_STRICT", "") not in {"", "0"}:
        _insist(found)
    return found


def _insist(found: Registry) -> None:
    found.examine()
    if any(plugin.status not in {"ok", "blocked"} for plugin in found.plugins):
        lines = "\n".join(found.problems)
        raise MboError(
            f"MBO_STRICT is set and a plugin has a problem\n\n{lines}", "fix the plugin, or disable it: --without"
        )


def print_json(values: Any) -> None:
    """Print one JSON object on stdout; numbers that are not finite become null, as JSON has no NaN."""
    from mbo_core.runs.store import to_json

    say(to_json(values))


def console() -> Console:
    """The console that results are printed on."""
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=False)
    return out if out.is_terminal else Console(highlight=False, width=WIDTH)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Print a table on stdout; a column whose name starts with `>` is right-aligned, the first is not wrapped."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title and Text(printable(title)), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        table.add_column(Text(printable(column.lstrip(">"))), justify=justify, overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console().print(table)


def print_heading(text: str) -> None:
    """Print a line in bold on stdout; square brackets in it are text."""
    from rich.text import Text

    console().print(Text(printable(text), style="bold"))
