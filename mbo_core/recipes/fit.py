"""Check that the stages of a recipe fit each other and the kind of task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from mbo_core.errors import Mistakes
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.recipe import Recipe
from mbo_core.stages.contracts import Encoding, Proxy, Stage, Update, with_inner
from mbo_core.tasks.space import Kind


def check(recipe: Recipe, kind: Kind, registry: Registry, mistakes: Mistakes) -> None:
    """Note every mismatch between the stages, or between them and the kind of task."""
    if kind not in recipe.encoding.kinds:
        fact = f'encoding "{recipe.encoding.name}" cannot encode {kind} designs'
        mistakes.add("", fact, _for_kind(kind, registry))
    for stage in all_stages(recipe):
        if isinstance(stage, Update):
            _check_abilities(stage, recipe.proxy, registry, mistakes)
    _check_moves(recipe, registry, mistakes)
    _check_excluded(all_stages(recipe), mistakes)


def _check_abilities(update: Update, proxy: Proxy, registry: Registry, mistakes: Mistakes) -> None:
    lacking = update.needs - proxy.abilities
    if lacking:
        fits = _fitting(registry, "proxy", lambda stage: update.needs <= cast("type[Proxy]", stage).abilities)
        fact = f'update "{update.name}" needs a proxy with {_words(lacking)}, which "{proxy.name}" lacks'
        mistakes.add("", fact, fits)


def _check_moves(recipe: Recipe, registry: Registry, mistakes: Mistakes) -> None:
    adversary, proxy = recipe.adversary, recipe.proxy
    lacking = adversary.moves - proxy.trains_against
    if lacking:
        fits = _fitting(registry, "proxy", lambda stage: adversary.moves <= cast("type[Proxy]", stage).trains_against)
        against = f'adversary "{adversary.name}", which moves {_words(lacking)}'
        fact = f'proxy "{proxy.name}" cannot be trained against {against}'
        mistakes.add("", fact, fits)


def _check_excluded(stages: list[Stage], mistakes: Mistakes) -> None:
    """Note stages that another one excludes."""
    held = {f"{one.role} {one.name}": one for one in stages}
    for stage in held.values():
        for other in stage.excludes.keys() & held.keys():
            fact = f'{stage.role} "{stage.name}" does not fit {held[other].role} "{held[other].name}"'
            mistakes.add("", f"{fact}: {stage.excludes[other]}", "use one of the two")


def all_stages(recipe: Recipe) -> list[Stage]:
    """The five stages and those inside them, each once."""
    found: list[Stage] = []
    for stage in recipe.stages().values():
        found += [one for one in with_inner(stage) if one not in found]
    return found


def _for_kind(kind: Kind, registry: Registry) -> str:
    """The encodings and the methods that take a kind of task."""
    encodings = _fitting(registry, "encoding", lambda stage: kind in cast("type[Encoding]", stage).kinds)
    methods = ", ".join(name for name, method in registry.methods.items() if kind in method.kinds)
    return f"{encodings}; methods for {kind} tasks: {methods or 'none installed'}"


def _fitting(registry: Registry, role: str, fits: Any) -> str:
    names = [name for (_, name), offered in registry.loaded(role).items() if fits(offered.value)]
    return f"these fit: {', '.join(names)}" if names else f"no installed {role} fits"


def _words(names: Iterable[str]) -> str:
    return " and ".join(f'"{name}"' for name in sorted(names))
