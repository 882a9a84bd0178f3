"""The command line: one file a command. Nothing here imports torch before a command needs it."""

from __future__ import annotations

import traceback
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from mbo_core import hookspecs
from mbo_core.cli.check import check
from mbo_core.cli.common import WITHOUT, plugins_option
from mbo_core.cli.lists import list_methods, list_stages, list_tasks
from mbo_core.cli.new import new
from mbo_core.cli.plugins import plugins
from mbo_core.cli.run import run
from mbo_core.cli.show import show
from mbo_core.errors import MboError, RecipeError, nearest


class Commands(click.Group):
    """The core's commands and those of plugins (entry points in the group `mbo.commands`).

    It suggests the nearest command for a mistyped one, and names the plugin that raised.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands; those of plugins are not imported for that."""
        return sorted({*super().list_commands(ctx), *plugin_commands()})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A command by name; the core's own cannot be replaced."""
        own = super().get_command(ctx, name)
        point = plugin_commands().get(name)
        return own if own is not None or point is None else _load(point)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing those of plugins."""
        super_commands = {name: super(Commands, self).get_command(ctx, name) for name in super().list_commands(ctx)}
        rows = {name: command.get_short_help_str(80) for name, command in super_commands.items() if command is not None}
        for name, point in plugin_commands().items():
            rows.setdefault(name, f"from {point.dist.name if point.dist else point.value}")
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error in a plugin's code is shown whole, and then what to do about it."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            _name_plugin(error, ctx.meta.get(WITHOUT, ()))
            raise

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command, or say which is nearest."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise RecipeError(f'there is no command "{args[0]}"', nearest(args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)


def plugin_commands() -> dict[str, EntryPoint]:
    """The commands that plugins add, by name; of two of one name the first distribution's."""
    points = entry_points(group=hookspecs.COMMANDS)
    found: dict[str, EntryPoint] = {}
    for point in sorted(points, key=lambda one: one.dist.name if one.dist else ""):
        found.setdefault(point.name, point)
    return found


def _load(point: EntryPoint) -> click.Command:
    owner = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    try:
        command = point.load()
    except (Exception, SystemExit) as error:
        raise MboError(
            f"the command {point.name} of {owner} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(command, click.Command):
        raise MboError(f"{owner} offers {command!r} as the command {point.name}, which is no click command")
    return command


def _name_plugin(error: Exception, without: tuple[str, ...]) -> None:
    from mbo_core.plugins import installed

    plugin = installed(without).blame(error)
    if plugin is not None:
        traceback.print_exception(error)
        fact = f"plugin {plugin.name} ({plugin.label}) raised {type(error).__name__}: {error}"
        hint = f"the lines above are for its authors; --without {plugin.name} leaves it out"
        raise MboError(fact, hint) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mbo-core", prog_name="mbo")
@plugins_option
def main() -> None:
    """Offline model-based optimization: from tried designs and their scores to better designs."""


for command in (run, check, list_methods, list_tasks, list_stages, show, plugins, new):
    main.add_command(command)
