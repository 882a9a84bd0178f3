"""Recipes: from TOML layers to one table for each stage.

Layers, each over the one before: the parent that `extends` names, the recipe, `when.<kind>`, `when.<task>`,
`preset.<name>`, `--set`. All mistakes are reported at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from mbo_core.build import ABOUT, ENCODINGS, SECTIONS, Builder, Mistakes, Recipe, check, first_where
from mbo_core.document import Document, Sourced, Table, assignment, leaves, merge, plain, read, subtable
from mbo_core.errors import MboError, RecipeError, nearest
from mbo_core.plugins import Registry
from mbo_core.task import Kind

TABLES = (*SECTIONS, "method", "published", "extends", "when", "preset", "run")
RUN = ("task", "seeds", "preset")


def find(name: str | Path, registry: Registry) -> Document:
    """A recipe's document: a method by name, else a file or a run's folder (write ./coms for a folder called coms).

    Raises:
        RecipeError: if there is none, with the nearest known name.
    """
    if str(name) in registry.methods:
        return registry.method(str(name)).document
    path = Path(name)
    if path.is_dir() and (path / "recipe.toml").exists():
        path = path / "recipe.toml"
    if path.suffix == ".toml" or path.is_file():
        return read(path)
    return registry.method(str(name)).document


def layered(document: Document, registry: Registry, seen: tuple[str, ...] = ()) -> Table:
    """The document over its parents."""
    parent = document.table.get("extends")
    if parent is None:
        return document.table
    if not isinstance(parent, Sourced) or not isinstance(parent.value, str):
        raise RecipeError(f"{document.where('extends')}: extends names one method or file")
    if parent.value in seen:
        raise RecipeError(f"{parent.where}: extends goes round in a circle: {' -> '.join((*seen, parent.value))}")
    inherited = layered(_parent(parent, document, registry), registry, (*seen, parent.value))
    # What was published of the parent is no score of a recipe that differs from it.
    inherited = {key: value for key, value in inherited.items() if key != "published"}
    return {key: value for key, value in merge(inherited, document.table).items() if key != "extends"}


def _parent(named: Sourced, document: Document, registry: Registry) -> Document:
    beside = document.path.parent / named.value if document.path else Path(named.value)
    try:
        return read(beside) if named.value.endswith(".toml") else registry.method(named.value).document
    except RecipeError as error:
        raise RecipeError(f"{named.where}: {error.message}", error.hint) from error


def flatten(
    table: Table, mistakes: Mistakes, kind: Kind | None, task: str | None, preset: str | None, sets: Sequence[str]
) -> Table:
    """Lay `when`, the preset and `--set` over the recipe's base."""
    base: Table = {key: value for key, value in table.items() if key not in {"when", "preset"}}
    for condition in (kind, task):
        base = merge(base, subtable(subtable(table, "when"), condition or ""))
    if preset is not None:
        presets = subtable(table, "preset")
        if preset not in presets:
            mistakes.add("", f'there is no preset "{preset}" in this recipe', nearest(preset, presets))
        base = merge(base, subtable(presets, preset))
    for given in sorted(map(assignment, sets), key=_precedence):
        for key, value in given.items():
            _check_section(key, value, first_where(value), mistakes)
        base = merge(base, given)
    return base


def _precedence(given: Table) -> float:
    """Outer stages are named first, then inner ones, then options are set: a new name drops what was set before it."""
    return min((len(keys) for keys, _ in leaves(given) if keys[-1] == "use"), default=math.inf)


def _check_names(table: Table, document: Document, mistakes: Mistakes) -> None:
    for key, value in table.items():
        if key not in TABLES:
            mistakes.add(_where(value, document, key), f'"{key}" is no part of a recipe', nearest(key, TABLES))
        elif key != "extends" and not isinstance(value, dict):
            mistakes.add(_where(value, document, key), f"{key} is a table", f"write [{key}]")
    for layer in ("when", "preset"):
        for name, value in subtable(table, layer).items():
            if isinstance(value, Sourced):
                mistakes.add(value.where, f"{layer}.{name} is a table", f"write [{layer}.{name}]")
                continue
            for key, inner in value.items():
                _check_section(key, inner, _where(inner, document, layer, name, key), mistakes)
    known = {"method": ABOUT, "run": RUN}
    for section, names in known.items():
        for key, value in subtable(table, section).items():
            if key not in names:
                where = _where(value, document, section, key)
                mistakes.add(where, f'{section} has no key "{key}"', nearest(key, names))
            elif key == "name" and not isinstance(plain(value), str):
                mistakes.add(_where(value, document, section, key), "method.name is a string")


def _check_section(key: str, value: Table | Sourced, where: str, mistakes: Mistakes) -> None:
    if key not in SECTIONS:
        mistakes.add(where, f'"{key}" is no stage', nearest(key, SECTIONS))
    elif not isinstance(value, dict):
        mistakes.add(where, f"{key} is a table", f"name its stage with {key}.use")


def _check_conditions(document: Document, task: str | None, registry: Registry, mistakes: Mistakes) -> None:
    """Note the conditions that name no task here.

    A shipped method may name tasks of a plugin that is not installed; in a person's own file that is a mistake.
    """
    if any(method.path == document.path for method in registry.methods.values()):
        return
    known = (*ENCODINGS, *registry.tasks, *([task] if task else []))
    for condition in subtable(document.table, "when"):
        if condition not in known:
            fact = f'"{condition}" is neither a kind of task nor a task'
            mistakes.add(document.where("when", condition), fact, nearest(condition, known))


def _where(value: Table | Sourced, document: Document, *keys: str) -> str:
    """Where a value stands: in the document or, if it is inherited, in a parent."""
    return document.where(*keys) if keys in document.lines else first_where(value) or document.where(*keys)


def resolve(
    document: Document,
    registry: Registry,
    *,
    kind: Kind,
    task: str | None = None,
    preset: str | None = None,
    sets: Sequence[str] = (),
) -> Recipe:
    """Resolve a recipe for a kind of task, build its stages, and check that they fit.

    Args:
        document: the recipe.
        registry: what is installed.
        kind: continuous or discrete.
        task: the task's name, for `when`.
        preset: a preset of the recipe.
        sets: `section.option=VALUE` assignments, VALUE in TOML.

    Raises:
        RecipeError: with all mistakes, each with file, line and a hint.
    """
    mistakes = Mistakes()
    table = layered(document, registry)
    _check_names(table, document, mistakes)
    _check_conditions(document, task, registry, mistakes)
    flat = flatten(table, mistakes, kind, task, preset, sets)
    builder = Builder(registry, document, mistakes)
    parts = builder.parts(flat, kind)
    mistakes.raise_if_any()
    # A parent's name is not inherited: what changes a method is another method.
    name = plain(subtable(document.table, "method")).get("name", document.name)
    recorded = plain(subtable(flat, "run")).get("preset")
    recipe = Recipe(
        name=name,
        about={**plain(subtable(flat, "method")), "name": name},
        published=plain(subtable(flat, "published")),
        preset=preset or recorded,
        **cast(Any, parts),
    )
    check(recipe, kind, registry, mistakes)
    mistakes.raise_if_any()
    return recipe


def fits_kinds(
    document: Document, registry: Registry, preset: str | None = None, sets: Sequence[str] = ()
) -> dict[Kind, Recipe | MboError]:
    """The recipe resolved for each kind of task, or why it cannot be."""
    resolved: dict[Kind, Recipe | MboError] = {}
    for kind in ENCODINGS:
        try:
            resolved[kind] = resolve(document, registry, kind=kind, preset=preset, sets=sets)
        except MboError as error:
            resolved[kind] = error
    return resolved


def recorded_run(document: Document) -> Mapping[str, Any]:
    """What the recipe of an earlier run was run on: task, seeds, preset; empty for a method."""
    recorded: Mapping[str, Any] = plain(subtable(document.table, "run"))
    return recorded
