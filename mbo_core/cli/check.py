"""`mbo check`."""

from __future__ import annotations

import click

from mbo_core.cli.common import plugins_option, preset_option, print_table, registry, set_option


@click.command()
@click.argument("recipe")
@click.option("--task", metavar="TASK", help="The task to check it for; by default both kinds of task.")
@preset_option
@set_option
@plugins_option
def check(recipe: str, task: str | None, preset: str | None, sets: tuple[str, ...]) -> None:
    """Resolve RECIPE (a method's name or a TOML file) and check that its parts fit, without training."""
    from mbo_core.build import Recipe
    from mbo_core.execute import plan
    from mbo_core.recipe import find, fits_kinds

    if task is not None:
        resolved = {task: plan(recipe, task, preset=preset, set=sets, registry=registry()).recipe}
    else:
        found = registry()
        kinds = fits_kinds(find(recipe, found), found, preset, sets)
        resolved = {f"{kind} tasks": fit for kind, fit in kinds.items() if isinstance(fit, Recipe)}
        refused = [error for error in kinds.values() if isinstance(error, click.ClickException)]
        if not resolved:
            raise refused[0]
        for kind, error in kinds.items():
            if isinstance(error, click.ClickException):
                click.echo(f"not for {kind} tasks: {error.message}", err=True)
    rows = [[what, *(stage.name for stage in one.stages().values())] for what, one in resolved.items()]
    print_table(["fits", "encoding", "adversary", "proxy", "update", "evaluation"], rows)
