"""`mbo recipe`: show, check, new, schema."""

from __future__ import annotations

from collections.abc import Callable
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
    task_option,
)
from mbo_core.cli.program import Commands
from mbo_core.cli.recipe_new import new
from mbo_core.errors import RecipeError
from mbo_core.recipes.words import DEFAULT_ENCODINGS
from mbo_core.text import say

if TYPE_CHECKING:
    from mbo_core.plugins.registry import Registry
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.tasks.space import Kind
    from mbo_core.toml import Document, Table


def kind_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option `--kind`."""
    return click.option("--kind", type=click.Choice(list(DEFAULT_ENCODINGS)), help=text)


@click.group(cls=Commands)
def recipe() -> None:
    """Show, check and write recipes."""


recipe.add_command(new)


@recipe.command()
@click.argument("name")
@click.option("--resolved", is_flag=True, help="Apply its parents and write out every option.")
@task_option("Resolve it for this task.")
@kind_option("Resolve it for this kind of task.")
@preset_option
@set_option
@plugins_option
def show(
    name: str, resolved: bool, task: str | None, kind: Kind | None, preset: str | None, sets: tuple[str, ...]
) -> None:
    """Print the recipe NAME as TOML.

    NAME is a method, a file or a run's folder. The first line names the file; with --resolved, each value has its
    source in a comment.
    """
    from mbo_core.recipes.layers import find
    from mbo_core.toml import one_line

    found = registry()
    document = find(name, found)
    if resolved:
        say(_resolved(document, found, task, kind, preset, sets), nl=False)
    elif task or kind or preset or sets:
        raise RecipeError("--task, --kind, --preset and --set need --resolved", "add --resolved")
    elif document.path is not None:
        say(f"# {one_line(str(document.path))}\n{document.path.read_text(encoding='utf-8-sig')}", nl=False)


def _resolved(
    document: Document, found: Registry, task: str | None, kind: Kind | None, preset: str | None, sets: tuple[str, ...]
) -> str:
    from mbo_core.recipes.layers import flatten, lineage
    from mbo_core.recipes.resolve import recorded_run, resolve
    from mbo_core.recipes.writing import with_sources

    _not_both(task, kind)
    recorded = None if kind else recorded_run(document).get("task")
    task = task or next((name for name in found.tasks if name == recorded), None)
    if task is not None:
        kind = found.task(task).kind
    if kind is None:
        kind = _only_kind(document, found, preset, sets)
    one = resolve(document, found, kind=kind, task=task, preset=preset, sets=sets)
    flat: Table = flatten(lineage(document, found), kind, task, one.preset, sets)
    return with_sources(one.to_toml({"task": task} if task else {}), flat)


def _only_kind(document: Document, found: Registry, preset: str | None, sets: tuple[str, ...]) -> Kind:
    """The kind of task that the recipe is for, or any if both kinds resolve to the same."""
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.recipes.resolve import fits_kinds

    kinds = fits_kinds(document, found, preset, sets)
    fits = {kind: fit for kind, fit in kinds.items() if isinstance(fit, Recipe)}
    refused = [fit for fit in kinds.values() if not isinstance(fit, Recipe)]
    if not fits:
        raise refused[0]
    first = next(iter(fits))
    if any(fit != fits[first] for fit in fits.values()):
        hint = f"add {', '.join(f'--kind {kind}' for kind in fits)} or --task TASK"
        raise RecipeError(f"recipe differs between {' and '.join(fits)} tasks", hint)
    return first


@recipe.command()
@click.argument("name")
@task_option("The task to check it for; all kinds of task by default.")
@kind_option("The kind of task to check it for.")
@preset_option
@set_option
@json_option
@plugins_option
def check(
    name: str, task: str | None, kind: Kind | None, preset: str | None, sets: tuple[str, ...], as_json: bool
) -> None:
    """Check that the recipe NAME is valid and its stages fit.

    NAME is a method, a file or a run's folder. Nothing is trained. All its presets and `when` tables are checked too.
    """
    from mbo_core.recipes.layers import find
    from mbo_core.recipes.resolve import check_branches

    found = registry()
    document = find(name, found)
    check_branches(document, found, sets)
    _not_both(task, kind)
    fits, refused = _fits(name, document, found, task or kind, preset, sets)
    stages = {what: {role: one.name for role, one in fit.stages().items()} for what, fit in fits.items()}
    if as_json:
        print_json({"recipe": name, "preset": preset, "fits": stages, "refused": refused})
        return
    for what, reason in refused.items():
        say(f"not for {what}: {reason}", err=True)
    columns = ["fits", "encoding", "adversary", "proxy", "update", "evaluation"]
    print_table(columns, [[what, *uses.values()] for what, uses in stages.items()])


def _not_both(task: str | None, kind: Kind | None) -> None:
    if task is not None and kind is not None:
        raise RecipeError("--task and --kind cannot be combined", "remove --kind: a task has one kind")


def _fits(
    name: str, document: Document, found: Registry, asked: str | None, preset: str | None, sets: tuple[str, ...]
) -> tuple[dict[str, Recipe], dict[str, str]]:
    """What the recipe resolves to on the task or the kind that is asked for, or on each kind; and why not elsewhere."""
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.recipes.resolve import fits_kinds

    if asked is not None and asked not in DEFAULT_ENCODINGS:
        from mbo_core.runs.planning import plan

        return {asked: plan(name, asked, preset=preset, set=sets, registry=found).recipe}, {}
    every = fits_kinds(document, found, preset, sets)
    kinds = {kind: fit for kind, fit in every.items() if asked in (None, kind)}
    fits = {f"{kind} tasks": fit for kind, fit in kinds.items() if isinstance(fit, Recipe)}
    refused = {kind: fit for kind, fit in kinds.items() if not isinstance(fit, Recipe)}
    if not fits:
        raise next(iter(refused.values()))
    return fits, {f"{kind} tasks": error.message for kind, error in refused.items()}


@recipe.command()
@click.option(
    "--out", type=click.Path(path_type=Path), help="A file ending in .json; printed on the screen by default."
)
@plugins_option
def schema(out: Path | None) -> None:
    """Print the JSON schema of recipes, for editors.

    Editors such as taplo and Even Better TOML complete recipes by it. A recipe names it in its first line:
    #:schema ./recipe.schema.json
    """
    from mbo_core.recipes import schema as schemas
    from mbo_core.runs.store import to_json, write

    if out is not None and out.suffix != ".json":
        raise RecipeError(f"output file {out} must end in .json", f"name it {out.with_suffix('.json')}")
    text = to_json(schemas.schema(registry()))
    if out is None:
        say(text)
    else:
        write(out, text)
        say(out)
