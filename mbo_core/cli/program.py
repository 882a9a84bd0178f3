"""The program `mbo`: its command groups, and the commands that plugins add by entry points in `mbo.commands`."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from io import TextIOWrapper
from typing import Any

import click

from mbo_core.cli.common import WITH_FILES, WITHOUT, registry
from mbo_core.errors import MboError, RecipeError, nearest, reason_of, warn
from mbo_core.foreign import ended, foreign, waiting
from mbo_core.plugins import hookspecs


class Commands(click.Group):
    """A group that suggests the nearest command for a mistyped one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command, or suggest the nearest."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise RecipeError(f'unknown command "{args[0]}"', nearest(args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)


class Program(Commands):
    """The core's commands and those of plugins. Each warns of broken plugins, and names a plugin that raises."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands; those of plugins are not imported."""
        return sorted({*super().list_commands(ctx), *added()})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A command by name; the core's own cannot be replaced."""
        own = super().get_command(ctx, name)
        if own is not None:
            return own
        point = added().get(name)
        return None if point is None else _load(point)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing those of plugins."""
        rows = {name: command.get_short_help_str(80) for name, command in self.commands.items()}
        for name, point in added().items():
            rows.setdefault(name, f"from {point.dist.name if point.dist else point.value}")
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error in a plugin is printed with its traceback and a hint."""
        if isinstance(sys.stdout, TextIOWrapper):
            # A terminal that cannot print a character shows ? instead.
            sys.stdout.reconfigure(errors="replace")
        ctx.call_on_close(lambda: _complain(ctx))
        try:
            result = super().invoke(ctx)
            # Commands that need no plugin have not loaded the registry yet.
            registry(ctx)
            return result
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except BaseException as error:
            if isinstance(error, SystemExit) and ctx.invoked_subcommand not in self.commands:
                raise  # a plugin's own command ends as it likes
            if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
                raise  # rich's, as the reader has gone (`| head`)
            _name_plugin(error, ctx)
            if isinstance(error, Exception):
                raise
            raise ended("a plugin", error) from error


def _complain(ctx: click.Context) -> None:
    """Print one line on stderr for each plugin with a problem."""
    from mbo_core.plugins.registry import installed

    with suppress(MboError):  # The command has already reported an unknown plugin.
        for line in installed(ctx.meta.get(WITHOUT, ())).problems:
            warn(line)


def added() -> dict[str, EntryPoint]:
    """The commands that plugins add, by name; if two share a name, the first distribution wins."""
    points = entry_points(group=hookspecs.COMMANDS)
    found: dict[str, EntryPoint] = {}
    for point in sorted(points, key=lambda one: one.dist.name if one.dist else ""):
        found.setdefault(point.name, point)
    return found


def _load(point: EntryPoint) -> click.Command:
    owner = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    try:
        with foreign("its import"), waiting(f"the import of command {point.name} of {owner}", "it cannot be left out"):
            command = point.load()
    except Exception as error:
        fact = f"command {point.name} of {owner} cannot be imported: {reason_of(error)}"
        raise MboError(fact) from error
    if not isinstance(command, click.Command):
        raise MboError(f"command {point.name} of {owner} is {command!r}, not a click command")
    return command


def _name_plugin(error: BaseException, ctx: click.Context) -> None:
    from mbo_core.plugins.registry import installed

    found = ctx.meta.get(WITH_FILES) or installed(ctx.meta.get(WITHOUT, ()))
    plugin = found.plugin_that_raised(error)
    if plugin is not None:
        traceback.print_exception(error)
        fact = f"plugin {plugin.name} ({plugin.label}) raised {reason_of(error)}"
        hint = f"report the traceback to its authors; --without {plugin.name} disables the plugin"
        hint = "the traceback says where" if plugin.given else hint
        raise MboError(fact, hint) from error
