"""Recipes given as Python values instead of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mbo_core.errors import Mistakes, RecipeError
from mbo_core.plugins.files import offering
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.layers import find
from mbo_core.recipes.recipe import Recipe, written
from mbo_core.recipes.words import ROLES
from mbo_core.stages.contracts import Stage, stages_inside, with_inner
from mbo_core.stages.options import options, rivals
from mbo_core.toml import Document, Sourced, Table

AnyRecipe: TypeAlias = "str | Path | Recipe | Mapping[str, Any]"
"""A method's name, a file or a run's folder; or a `Recipe`; or a dict like a file's tables, where a stage may replace
its table."""


def opened(recipe: AnyRecipe, registry: Registry) -> tuple[Document, Registry]:
    """A recipe's document, and the registry extended by those of its stage classes that no plugin offers.

    Raises:
        RecipeError: for an unknown recipe, or a value that is not a valid recipe.
    """
    if isinstance(recipe, (str, Path)):
        return find(recipe, registry), registry
    if not isinstance(recipe, (Recipe, Mapping)):
        hint = "name a method or a file, or give mbo.Recipe(proxy=..., update=...)"
        raise RecipeError(f"recipe has the unsupported type {type(recipe).__name__}", hint)
    tables = _tables(recipe) if isinstance(recipe, Recipe) else recipe
    # First, as only classes that the registry accepts can be read.
    found = registry.including(_not_offered(tables, registry))
    return _document(tables), found


def _tables(recipe: Recipe) -> Mapping[str, Any]:
    if recipe.preset is not None and not recipe.distributions:
        raise RecipeError("recipe made of stages cannot have a preset", "set the options of its stages")
    done = {"applied": recipe.preset, "changed": list(recipe.changed) or None}
    about = {**recipe.about, "name": recipe.name}
    return {"method": about, "published": recipe.published, "run": done, **recipe.stages()}


def _not_offered(tables: Mapping[str, Any], registry: Registry) -> list[object]:
    """The stage classes that no plugin offers, as a plugin for each of their modules."""
    classes = [kind for kind in dict.fromkeys(map(type, _stages(tables))) if not _offered(kind, registry)]
    homes = dict.fromkeys(kind.__module__ for kind in classes)
    return [offering(home, [kind for kind in classes if kind.__module__ == home]) for home in homes]


def _offered(kind: type[Stage], registry: Registry) -> bool:
    offered = registry.stages.get((kind.role, str(getattr(kind, "name", ""))))
    return offered is not None and not offered.failure and offered.value is kind


def _stages(value: Any) -> Iterator[Stage]:
    if isinstance(value, Stage):
        yield value
    held = stages_inside(value) if isinstance(value, Stage) and is_dataclass(value) else ()
    for one in value.values() if isinstance(value, Mapping) else held:
        yield from _stages(one)


def _document(tables: Mapping[str, Any]) -> Document:
    mistakes = Mistakes()
    table = _sourced(tables, "", tables, mistakes)
    mistakes.raise_if_any()
    return Document("recipe", table if isinstance(table, dict) else {})


def _sourced(value: Any, key: str, recipe: Mapping[str, Any], mistakes: Mistakes) -> Table | Sourced:
    if isinstance(value, type) and issubclass(value, Stage):
        mistakes.add("", f"{key} is the class {value.__name__}", f"make an instance: {value.__name__}()")
    if key in ROLES and isinstance(value, str):
        mistakes.add("", f'{key} is the text "{value}"', f'give a stage, or {{"use": "{value}"}}')
    if isinstance(value, Stage):
        _check_role(key, value, mistakes)
        for one in with_inner(value):
            _check_options(one, recipe, mistakes)
        value = written(value, resolved=False)
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                mistakes.add("", f"name {name!r} in {key or 'the recipe'} is not a text", "write it as a text")
        named = {str(name): one for name, one in value.items() if one is not None}
        return {name: _sourced(one, name, recipe, mistakes) for name, one in named.items()}
    return Sourced(value, "")


def _check_role(key: str, stage: Stage, mistakes: Mistakes) -> None:
    if key in ROLES and stage.role != key:
        fact = f"{key} is {type(stage).__name__}, a stage for the role {stage.role}"
        mistakes.add("", fact, f"write {stage.role}=...")


def _check_options(stage: Stage, recipe: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Note options of a stage that cannot be written to its table."""
    for name, option in options(type(stage)).items():
        value, where = getattr(stage, name), f"{name} of {type(stage).__name__}"
        if option.stage and name in ROLES and value is not None and value != recipe.get(name):
            mistakes.add("", f"{where} is not the recipe's {name}", f"leave it out and write {name}=... in the recipe")
        elif option.stage is None and value is None and option.default is not None:
            mistakes.add("", f"{where} is None, but a recipe cannot contain None", f"its default is {option.default!r}")
    for name, other in rivals(type(stage)).items():
        if getattr(stage, name) is not None and getattr(stage, other) != options(type(stage))[other].default:
            fact = f"{name} and {other} of {type(stage).__name__} are both set, but only one of them counts"
            mistakes.add("", fact, "leave one of the two out")
