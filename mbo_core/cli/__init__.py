"""The command line: one file a command. Nothing here imports torch before a command needs it."""

from __future__ import annotations

import click

from mbo_core.cli.group import Commands
from mbo_core.cli.lists import list_methods, list_stages, list_tasks
from mbo_core.cli.recipe import recipe
from mbo_core.cli.run import run
from mbo_core.cli.show import show


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mbo-core", prog_name="mbo")
def main() -> None:
    """Offline model-based optimization: from tried designs and their scores to better designs."""


for command in (run, recipe, list_methods, list_tasks, list_stages, show):
    main.add_command(command)
