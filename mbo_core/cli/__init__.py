"""The command line, one file per command. Torch is imported only when a command needs it."""

from __future__ import annotations

import click

from mbo_core.cli.common import plugins_option
from mbo_core.cli.lists import list_methods, list_stages, list_tasks
from mbo_core.cli.new import new
from mbo_core.cli.plugins import plugins
from mbo_core.cli.program import Program
from mbo_core.cli.recipe import recipe
from mbo_core.cli.run import run
from mbo_core.cli.show import show
from mbo_core.cli.space import space


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mbo-core", prog_name="mbo")
@plugins_option
def main() -> None:
    """Offline model-based optimization: find better designs from a table of designs and their scores."""


for command in (run, space, recipe, list_methods, list_tasks, list_stages, show, plugins, new):
    main.add_command(command)
