"""The preset `quick` of a new recipe: the values of a shipped method's preset, or else fewer steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mbo_core.errors import RecipeError
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.layers import flatten, lineage
from mbo_core.recipes.recipe import Recipe
from mbo_core.stages.contracts import Stage
from mbo_core.stages.options import options
from mbo_core.tasks.space import Kind
from mbo_core.toml import leaves, plain, subtable

NAME = "quick"
SHARE = 5
"""The divisor of a number of steps that no shipped preset sets."""
STEPS = ("epochs", "steps", "iterations", "generations", "rounds")


def preset(fits: Mapping[Kind, Recipe], registry: Registry) -> dict[str, Any]:
    """The options of the preset, as `role.option`, with their values; only those that change something."""
    kind, recipe = next(iter(fits.items()))
    found: dict[str, Any] = {}
    for role, stage in recipe.stages().items():
        values = _shipped(role, stage, kind, registry) or _fewer_steps(stage)
        changed = {name: value for name, value in values.items() if value != _plain(getattr(stage, name))}
        found |= {f"{role}.{name}": value for name, value in changed.items()}
    return found


def _shipped(role: str, stage: Stage, kind: Kind, registry: Registry) -> dict[str, Any]:
    """The settings for a stage in the first shipped preset of this name."""
    for method in registry.methods.values():
        try:
            whole = lineage(method.document, registry)
            uses = plain(flatten(whole, kind)).get(role, {}).get("use")
        except RecipeError:
            continue
        layer = subtable(subtable(whole.presets, NAME), role)
        own = {keys[0]: value.value for keys, value in leaves(layer) if len(keys) == 1}
        if own and uses == stage.name and set(own) <= set(options(type(stage))):
            return own
    return {}


def _fewer_steps(stage: Stage) -> dict[str, int]:
    return dict(_divided(stage))


def _divided(stage: Stage) -> Iterator[tuple[str, int]]:
    for name in options(type(stage)):
        value = getattr(stage, name)
        if name in STEPS and type(value) is int and value > 1:
            yield name, max(1, value // SHARE)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
