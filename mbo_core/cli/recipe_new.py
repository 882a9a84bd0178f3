"""`mbo recipe new`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import tomli_w

from mbo_core.cli.common import plugins_option, registry
from mbo_core.errors import RecipeError, matching
from mbo_core.text import say

if TYPE_CHECKING:
    from mbo_core.plugins.registry import Registry
    from mbo_core.toml import Document


@click.command()
@click.argument("name")
@click.option("--from", "parent", metavar="METHOD", help="The method or recipe file to start from.")
@click.option("--encoding", metavar="NAME", help="The encoding to use.")
@click.option("--adversary", metavar="NAME", help="The adversary to use.")
@click.option("--proxy", metavar="NAME", help="The proxy to use.")
@click.option("--update", metavar="NAME", help="The update to use.")
@click.option("--out", type=click.Path(path_type=Path), help="The file; NAME.toml by default.")
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
    """Write a recipe NAME.toml with the chosen stages.

    `mbo list-stages` lists the stages. Everything else comes from the method it starts from. Every option is in a
    comment with its value. A preset `quick` is included for a first look.
    """
    from mbo_core.runs.store import write

    found = registry()
    path = out or Path(f"{name}.toml")
    _check_place(name, path, found)
    stages = {"encoding": encoding, "adversary": adversary, "proxy": proxy, "update": update}
    uses = {role: use for role, use in stages.items() if use is not None}
    if parent is None and not uses:
        raise RecipeError("missing --from or a stage", "name a method with --from; `mbo list-methods` lists them")
    write(path, compose(name, _named(parent, path), uses, path, found))
    say(path)
    say(f"next: mbo recipe check {path}; for completion: mbo recipe schema --out recipe.schema.json", err=True)


def _check_place(name: str, path: Path, found: Registry) -> None:
    from mbo_core.runs.store import slug

    if slug(name) != name:
        raise RecipeError(f'invalid recipe name "{name}"', f'use letters, digits, dots, - and _: "{slug(name)}"')
    if matching(name, found.methods):
        raise RecipeError(f'method "{name}" is already installed', "choose another name")
    if path.suffix != ".toml":
        raise RecipeError(f"output file {path} must end in .toml", f"name it {path.name}.toml")
    if os.path.lexists(path):
        raise RecipeError(f"{path} already exists", "choose another name, or another file with --out")


def _named(parent: str | None, path: Path) -> str | None:
    """The parent as the new file names it: a file is named relative to it."""
    if parent is None or not parent.endswith(".toml"):
        return parent
    return Path(os.path.relpath(parent, path.parent)).as_posix()


def compose(name: str, parent: str | None, uses: Mapping[str, str], path: Path, found: Registry) -> str:
    """The text of a new recipe.

    An update that cannot do without a proxy, and nothing to take one from, is given the first that fits.

    Raises:
        RecipeError: if its stages do not fit each other.
    """
    from mbo_core.plugins.requirements import offering
    from mbo_core.recipes import quick, writing
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.recipes.resolve import check_branches, fits_kinds

    proxies = _proxies(uses, found) if parent is None else []
    uses = {**({"proxy": proxies[0]} if proxies else {}), **uses}
    head: dict[str, Any] = {"method": _about(name, parent, uses)}
    if parent is not None:
        head["extends"] = parent
    tables: dict[str, Any] = {role: {"use": use} for role, use in uses.items()}
    choices = _fill_in(head, tables, path, found) | {"proxy": proxies}
    # The bare recipe is resolved first, to refuse what cannot work and to get the values for the comments.
    bare = _document(head, tables, path)
    check_branches(bare, found)
    fits = {kind: fit for kind, fit in fits_kinds(bare, found).items() if isinstance(fit, Recipe)}
    plugins = [found.method(parent).plugin] if parent and not parent.endswith(".toml") else []
    requires = {*offering(plugins), *(one for fit in fits.values() for one in fit.about.get("requires", ()))}
    head["method"] |= {"requires": sorted(requires)} if requires else {}
    return writing.new(head, tables, fits, quick.preset(fits, found), choices)


def _proxies(uses: Mapping[str, str], found: Registry) -> list[str]:
    """The proxies to choose from where an update is chosen that needs one, and no proxy is."""
    from mbo_core.recipes.mixes import partners

    if "update" not in uses or "proxy" in uses:
        return []
    fitting = partners(found.stage("update", uses["update"]), found)["proxy"]
    return [] if "none" in fitting else fitting


def _about(name: str, parent: str | None, uses: Mapping[str, str]) -> dict[str, Any]:
    chosen = " and ".join(f"the {role} {use}" for role, use in uses.items())
    about: dict[str, Any] = {"name": name, "summary": ", with ".join(filter(None, [parent, chosen]))}
    return about | ({"mix": True} if uses and (parent or len(uses) > 1) else {})


def _document(head: Mapping[str, Any], tables: Mapping[str, Any], path: Path) -> Document:
    from mbo_core.toml import parse

    return parse(tomli_w.dumps({**head, **tables}), path.stem, path)


def _fill_in(head: Mapping[str, Any], tables: Mapping[str, Any], path: Path, found: Registry) -> dict[str, list[str]]:
    """Fill each empty inner stage with the first that fits, and return all that fit, by path."""
    from mbo_core.recipes.layers import flatten, lineage
    from mbo_core.recipes.mixes import inner_choices
    from mbo_core.toml import subtable

    flat = flatten(lineage(_document(head, tables, path), found), "continuous")
    choices: dict[str, list[str]] = {}
    for role, table in tables.items():
        for option, names in inner_choices(found.stage(role, table["use"]), found).items():
            if names and "use" not in subtable(subtable(flat, role), option):
                table[option] = {"use": names[0]}
                choices[f"{role}.{option}"] = names
    return choices
