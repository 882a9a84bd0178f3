"""The command line: one file a command. Nothing here imports torch before a command needs it."""

from __future__ import annotations

from typing import Any

import click

from mbo_core.cli.check import check
from mbo_core.cli.lists import list_methods, list_stages, list_tasks
from mbo_core.cli.run import run
from mbo_core.cli.show import show
from mbo_core.errors import RecipeError, nearest


class Commands(click.Group):
    """A group that suggests the nearest command for a mistyped one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command, or say which is nearest."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise RecipeError(f'there is no command "{args[0]}"', nearest(args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mbo-core", prog_name="mbo")
def main() -> None:
    """Offline model-based optimization: from tried designs and their scores to better designs."""


for command in (run, check, list_methods, list_tasks, list_stages, show):
    main.add_command(command)
