"""`mbo recipe`: list, show, check, new, schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbo_core.cli.common import (
    json_option,
    plugins_option,
    preset_option,
    print_json,
    print_table,
    registry,
    set_option,
)
from mbo_core.cli.program import Commands
from mbo_core.cli.recipe_new import new
from mbo_core.errors import RecipeError

if TYPE_CHECKING:
    from mbo_core.plugins.registry import Registry
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.tasks.space import Kind
    from mbo_core.toml import Document, Table


@click.group(cls=Commands)
def recipe() -> None:
    """Find, read, check and write recipes."""


recipe.add_command(new)


@recipe.command("list")
@json_option
@plugins_option
def list_recipes(as_json: bool) -> None:
    """List what can be run and extended: the methods, and the recipe files of this folder."""
    found = registry()
    rows = [_row(name, document, source, found) for name, document, source in (*_methods(found), *_here())]
    if as_json:
        print_json({"recipes": rows})
        return
    columns = ("name", "extends", "stages", "presets", "from")
    print_table(columns, [[_cell(row[column]) for column in columns] for row in rows])


def _methods(found: Registry) -> Iterator[tuple[str, Document, str]]:
    for name, method in found.methods.items():
        # The registry says itself which it cannot read.
        with suppress(RecipeError):
            yield name, method.document, f"{method.plugin.distribution} {method.plugin.version}"


def _here() -> Iterator[tuple[str, Document, str]]:
    """The recipes among the TOML files of this folder."""
    from mbo_core.recipes.words import ROLES
    from mbo_core.toml import read

    for path in sorted(Path().glob("*.toml")):
        try:
            document = read(path)
        except RecipeError as error:
            click.echo(f"warning: left out: {error.message}", err=True)
            continue
        if {"extends", "method", *ROLES} & set(document.table):
            yield path.name, document, "this folder"


def _row(name: str, document: Document, source: str, found: Registry) -> dict[str, Any]:
    from mbo_core.recipes.layers import flatten, lineage
    from mbo_core.recipes.words import DEFAULT_ENCODINGS, ROLES
    from mbo_core.toml import plain

    extends = plain(document.table.get("extends", {}))
    row: dict[str, Any] = {"name": name, "extends": extends if isinstance(extends, str) else None, "from": source}
    try:
        whole = lineage(document, found)
    except RecipeError as error:
        click.echo(f"warning: {error.message}", err=True)
        return {**row, "stages": {}, "presets": []}
    flat = [flatten(whole, kind) for kind in DEFAULT_ENCODINGS]
    stages = {role: list(dict.fromkeys(_uses(one[role]) for one in flat)) for role in ROLES}
    return {**row, "stages": stages, "presets": list(whole.presets)}


def _uses(table: Any) -> str:
    """The stage that a table names, and those inside it."""
    inner = [_uses(value) for value in table.values() if isinstance(value, dict)]
    return str(table["use"].value if "use" in table else "?") + (f" ({', '.join(inner)})" if inner else "")


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        named = [name for role, names in value.items() if role != "evaluation" for name in names]
        return ", ".join(name for name in named if name != "none")
    return ", ".join(value) if isinstance(value, list) else value or ""


@recipe.command()
@click.argument("name")
@click.option("--resolved", is_flag=True, help="With its parents, and every option written out.")
@click.option("--task", metavar="TASK", help="Resolve it for this task.")
@click.option("--kind", type=click.Choice(["continuous", "discrete"]), help="Resolve it for this kind of task.")
@preset_option
@set_option
@plugins_option
def show(
    name: str, resolved: bool, task: str | None, kind: Kind | None, preset: str | None, sets: tuple[str, ...]
) -> None:
    """Print the recipe NAME (a method, a file or a run's folder) as TOML, with its file or with its sources."""
    from mbo_core.recipes.layers import find
    from mbo_core.toml import one_line

    found = registry()
    document = find(name, found)
    if resolved:
        click.echo(_resolved(document, found, task, kind, preset, sets), nl=False)
    elif task or kind or preset or sets:
        raise RecipeError("--task, --kind, --preset and --set change what a recipe resolves to", "add --resolved")
    elif document.path is not None:
        click.echo(f"# {one_line(str(document.path))}\n{document.path.read_text(encoding='utf-8-sig')}", nl=False)


def _resolved(
    document: Document, found: Registry, task: str | None, kind: Kind | None, preset: str | None, sets: tuple[str, ...]
) -> str:
    from mbo_core.recipes.layers import flatten, lineage
    from mbo_core.recipes.resolve import recorded_run, resolve
    from mbo_core.recipes.writing import with_sources

    if task is not None and kind is not None:
        raise RecipeError("--task and --kind are both given", "a task is of one kind: leave out --kind")
    recorded = None if kind else recorded_run(document).get("task")
    task = task or next((name for name in found.tasks if name == recorded), None)
    if task is not None:
        kind = found.task(task).kind
    if kind is None:
        kind = _only_kind(document, found, preset, sets)
    one = resolve(document, found, kind=kind, task=task, preset=preset, sets=sets)
    flat: Table = flatten(lineage(document, found), kind, task, one.preset, sets)
    return with_sources(one.to_toml({"task": task, "preset": one.preset} if task or one.preset else {}), flat)


def _only_kind(document: Document, found: Registry, preset: str | None, sets: tuple[str, ...]) -> Kind:
    """The kind of task that the recipe is for, or any where both kinds give the same."""
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.recipes.resolve import fits_kinds

    kinds = fits_kinds(document, found, preset, sets)
    fits = {kind: fit for kind, fit in kinds.items() if isinstance(fit, Recipe)}
    refused = [fit for fit in kinds.values() if not isinstance(fit, Recipe)]
    if not fits:
        raise refused[0]
    first = next(iter(fits))
    if any(fit != fits[first] for fit in fits.values()):
        hint = "add --kind continuous, --kind discrete or --task TASK"
        raise RecipeError("this recipe is not the same for continuous and for discrete tasks", hint)
    return first


@recipe.command()
@click.argument("name")
@click.option("--task", metavar="TASK", help="The task to check it for; by default both kinds of task.")
@preset_option
@set_option
@json_option
@plugins_option
def check(name: str, task: str | None, preset: str | None, sets: tuple[str, ...], as_json: bool) -> None:
    """Resolve NAME (a method, a file or a run's folder) and check that its stages fit, without training.

    All presets and all tables for kinds of task and tasks are looked through for mistakes.
    """
    from mbo_core.recipes.layers import find
    from mbo_core.recipes.resolve import check_branches

    found = registry()
    document = find(name, found)
    check_branches(document, found, sets)
    fits, refused = _fits(name, document, found, task, preset, sets)
    stages = {what: {role: one.name for role, one in fit.stages().items()} for what, fit in fits.items()}
    if as_json:
        print_json({"recipe": name, "preset": preset, "fits": stages, "refused": refused})
        return
    for what, reason in refused.items():
        click.echo(f"not for {what}: {reason}", err=True)
    columns = ["fits", "encoding", "adversary", "proxy", "update", "evaluation"]
    print_table(columns, [[what, *uses.values()] for what, uses in stages.items()])


def _fits(
    name: str, document: Document, found: Registry, task: str | None, preset: str | None, sets: tuple[str, ...]
) -> tuple[dict[str, Recipe], dict[str, str]]:
    """What the recipe resolves to, by task or kind of task, and why it does not for others."""
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.recipes.resolve import fits_kinds
    from mbo_core.runs.execute import plan

    if task is not None:
        return {task: plan(name, task, preset=preset, set=sets, registry=found).recipe}, {}
    kinds = fits_kinds(document, found, preset, sets)
    fits = {f"{kind} tasks": fit for kind, fit in kinds.items() if isinstance(fit, Recipe)}
    refused = {kind: fit for kind, fit in kinds.items() if not isinstance(fit, Recipe)}
    if not fits:
        raise next(iter(refused.values()))
    return fits, {f"{kind} tasks": error.message for kind, error in refused.items()}


@recipe.command()
@click.option("--out", type=click.Path(path_type=Path), help="A file ending in .json; by default the screen.")
@plugins_option
def schema(out: Path | None) -> None:
    """Print the JSON schema of recipes, for completion in editors (taplo, Even Better TOML).

    A recipe names it in its first line: #:schema ./recipe.schema.json
    """
    from mbo_core.recipes import schema as schemas
    from mbo_core.runs.store import to_json, write

    if out is not None and out.suffix != ".json":
        raise RecipeError(f"{out} is no name for a schema", f"name it {out.with_suffix('.json')}")
    text = to_json(schemas.schema(registry()))
    if out is None:
        click.echo(text)
    else:
        write(out, text)
        click.echo(out)
