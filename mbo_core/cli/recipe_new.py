"""`mbo recipe new`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import tomli_w

from mbo_core.cli.common import plugins_option, registry
from mbo_core.errors import RecipeError

if TYPE_CHECKING:
    from mbo_core.plugins.registry import Registry


@click.command()
@click.argument("name")
@click.option("--from", "parent", metavar="METHOD", help="The method or recipe file to start from.")
@click.option("--encoding", metavar="NAME", help="The encoding to use.")
@click.option("--adversary", metavar="NAME", help="The adversary to use.")
@click.option("--proxy", metavar="NAME", help="The proxy to use.")
@click.option("--update", metavar="NAME", help="The update to use.")
@click.option("--out", type=click.Path(path_type=Path), help="The file; by default NAME.toml.")
@plugins_option
def new(
    name: str,
    parent: str | None,
    encoding: str | None,
    adversary: str | None,
    proxy: str | None,
    update: str | None,
    out: Path | None,
) -> None:
    """Write a recipe NAME.toml with the chosen stages; `mbo list-stages` lists what there is.

    All else is as in the method that it starts from, and every option stands there in a comment.
    """
    from mbo_core.runs.store import write

    found = registry()
    path = out or Path(f"{name}.toml")
    _check_place(name, path, found)
    stages = {"encoding": encoding, "adversary": adversary, "proxy": proxy, "update": update}
    uses = {role: use for role, use in stages.items() if use is not None}
    if parent is None and not uses:
        raise RecipeError("there is nothing to start from", "name a method with --from; `mbo list-methods` lists them")
    write(path, compose(name, _named(parent, path), uses, path, found))
    click.echo(path)
    click.echo(f"next: mbo recipe check {path}; for completion: mbo recipe schema --out recipe.schema.json", err=True)


def _check_place(name: str, path: Path, found: Registry) -> None:
    from mbo_core.runs.store import slug

    if slug(name) != name:
        raise RecipeError(f'"{name}" is no name for a recipe', f'letters, digits, dots, - and _: "{slug(name)}"')
    if name in found.methods:
        raise RecipeError(f'there is a method "{name}" already', "choose another name")
    if path.suffix != ".toml":
        raise RecipeError(f"{path} is no name for a recipe's file", f"name it {path.name}.toml")
    if os.path.lexists(path):
        raise RecipeError(f"{path} is there already", "choose another name, or another file with --out")


def _named(parent: str | None, path: Path) -> str | None:
    """The parent as the new file names it: a file, from where that stands."""
    if parent is None or not parent.endswith(".toml"):
        return parent
    return Path(os.path.relpath(parent, path.parent)).as_posix()


def compose(name: str, parent: str | None, uses: dict[str, str], path: Path, found: Registry) -> str:
    """The text of a new recipe.

    Raises:
        RecipeError: if its stages do not fit each other.
    """
    from mbo_core.plugins.requirements import offering
    from mbo_core.recipes import writing
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.recipes.resolve import check_branches, fits_kinds
    from mbo_core.toml import parse

    chosen = " and ".join(f"the {role} {use}" for role, use in uses.items())
    head: dict[str, Any] = {"method": {"name": name, "summary": ", with ".join(filter(None, [parent, chosen]))}}
    if parent is not None:
        head["extends"] = parent
    # The bare recipe is resolved first: what cannot work is refused, and its values stand in the comments.
    bare = parse(tomli_w.dumps({**head, **{role: {"use": use} for role, use in uses.items()}}), name, path)
    check_branches(bare, found)
    fits = {kind: fit for kind, fit in fits_kinds(bare, found).items() if isinstance(fit, Recipe)}
    plugins = [found.methods[parent].plugin] if parent in found.methods else []
    needed = [one for fit in fits.values() for one in fit.about.get("requires", ())]
    return writing.new(head, uses, fits, sorted({*offering(plugins), *needed}))
