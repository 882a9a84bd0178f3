"""The command line: one file a command. Nothing here imports torch before a command needs it."""

from __future__ import annotations

import traceback
from typing import Any

import click

from mbo_core.cli.check import check
from mbo_core.cli.common import WITHOUT, plugins_option
from mbo_core.cli.lists import list_methods, list_stages, list_tasks
from mbo_core.cli.plugins import plugins
from mbo_core.cli.run import run
from mbo_core.cli.show import show
from mbo_core.errors import MboError, RecipeError, nearest


class Commands(click.Group):
    """A group that suggests the nearest command for a mistyped one, and names the plugin that raised."""

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


for command in (run, check, list_methods, list_tasks, list_stages, show, plugins):
    main.add_command(command)
