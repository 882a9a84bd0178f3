"""`mbo new`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from mbo_core.cli.common import plugins_option, registry
from mbo_core.scaffold.write import STYLES, Style, create


@click.command()
@click.argument("name")
@click.option(
    "--style",
    type=click.Choice(STYLES),
    default="functional",
    show_default=True,
    help="How its stage is written: functional (seeds run at once) or torch (modules and optimizers).",
)
@click.option("--into", type=click.Path(path_type=Path), default=Path(), help="The folder to make the package in.")
@plugins_option
def new(name: str, style: str, into: Path) -> None:
    """Write a complete plugin package mbo-NAME: a method with one stage of its own, and its tests."""
    made = create(name, cast(Style, style), into, registry())
    for path in sorted(made.rglob("*")):
        if path.is_file():
            click.echo(f"wrote {path}")
    click.echo(f'\nnext: pip install -e "{made}[test]" && pytest {made} && mbo run {name} --task Quadratic2D-Exact-v0')
