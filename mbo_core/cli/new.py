"""`mbo new`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from mbo_core.cli.common import plugins_option, registry
from mbo_core.scaffold.plan import STYLES, Plan, Style
from mbo_core.scaffold.write import create
from mbo_core.text import say


@click.command()
@click.argument("name")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="ROLE:NAME",
    help="A stage to write, e.g. update:bdi; proxy:NAME by default. Repeatable, once per role.",
)
@click.option(
    "--style",
    type=click.Choice(STYLES),
    help="Style of the proxy: functional (the default; all seeds run at once), torch (modules and optimizers) or "
    "closed-form (fitted without training).",
)
@click.option("--task", metavar="TASK", help="A task to write.")
@click.option("--tool", is_flag=True, help="Add a hook wrapper, which runs code around every run.")
@click.option("--single", is_flag=True, help="Write one file and a recipe instead of a package.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The folder to write to; the current one by default.",
)
@plugins_option
def new(
    name: str, stages: tuple[str, ...], style: str | None, task: str | None, tool: bool, single: bool, into: Path
) -> None:
    """Write a new plugin: a package with tests, or one file.

    The package is called mbo-NAME; --single writes one file instead.
    """
    plan = Plan.of(name, stages, cast("Style | None", style), task, tool, single)
    for path in create(plan, into, registry()):
        say(f"wrote {path}")
    say(f"\nnext: {_next(plan, into)}")


def _next(plan: Plan, into: Path) -> str:
    task = plan.task or "Quadratic2D-Exact-v0"
    if plan.single:
        recipe = into / f"{plan.slug}.toml" if plan.stages else "grad-ascent"
        return f'mbo run "{recipe}" --plugin "{into / plan.module}.py" --task {task} --preset quick'
    made = into / f"mbo-{plan.slug}"
    recipe = plan.slug if plan.stages else "grad-ascent"
    return f'pip install -e "{made}[test]" && pytest "{made}" && mbo run {recipe} --task {task} --preset quick'
