"""Which stages a stage can be mixed with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, cast

from mbo_core.plugins.registry import Registry
from mbo_core.plugins.validation import role_of
from mbo_core.recipes.words import DEFAULT_STAGES
from mbo_core.stages.contracts import Adversary, Proxy, Stage, Update
from mbo_core.stages.options import options


def partners(stage: type[Stage], registry: Registry) -> dict[str, list[str]]:
    """The stages that fit a stage, by role. An update is taken with its default options."""
    if issubclass(stage, Adversary):
        return {"proxy": [one.name for one in _all("proxy", registry) if stage.moves <= _proxy(one).trains_against]}
    if issubclass(stage, Proxy):
        adversaries = [one.name for one in _all("adversary", registry) if _moves(one) <= stage.trains_against]
        updates = [one.name for one in _all("update", registry) if _some_fit(one, stage, registry)]
        return {"adversary": adversaries, "update": updates}
    if issubclass(stage, Update):
        return {"proxy": [one.name for one in _all("proxy", registry) if _some_fit(stage, _proxy(one), registry)]}
    return {}


def needs(update: type[Update], registry: Registry) -> dict[str, list[str]]:
    """What an update with default options needs of a proxy, by its inner stages; the key is `""` if it has none."""
    return {label: sorted(made.needs) for label, made in _examples(update, registry)}


def inner_choices(stage: type[Stage], registry: Registry) -> dict[str, list[str]]:
    """For each option that holds an inner stage other than the recipe's own: the accepted names, the default first."""
    held, known = inner_roles(stage), options(stage)
    made = [one for _, one in _examples(stage, registry)] if held else []
    own = {name: [known[name].default.name] if known[name].default is not None else [] for name in held}
    return {name: list(dict.fromkeys([*own[name], *(getattr(one, name).name for one in made)])) for name in held}


def inner_roles(stage: type[Stage]) -> dict[str, str]:
    """The role of the stage that each option holds, but for those that receive the recipe's own."""
    held = {name: one.stage for name, one in options(stage).items() if name not in DEFAULT_STAGES}
    return {name: role_of(inner) for name, inner in held.items() if inner is not None}


def _some_fit(update: type[Stage], proxy: type[Proxy], registry: Registry) -> bool:
    examples = _examples(cast("type[Update]", update), registry)
    return any(made.needs <= proxy.abilities for _, made in examples)


def _examples(stage: type[Stage], registry: Registry) -> Iterator[tuple[str, Any]]:
    """The stage with default options, once for each valid choice of its inner stages."""
    inner = inner_roles(stage)
    own = [name for name, one in options(stage).items() if one.stage and name not in inner]
    filled = {name: _default(name, registry) for name in own}
    for chosen in product(*(_plain(role, registry) for role in inner.values())):
        values = dict(zip(inner, chosen, strict=True))
        try:
            made = stage(**filled, **values)
        except (ValueError, TypeError):
            continue
        yield ", ".join(f"{name} = {one.name}" for name, one in values.items()), made


def _plain(role: str, registry: Registry) -> list[Stage]:
    """The stages of a role without inner stages other than the recipe's own, with default options."""
    return [made for one in _all(role, registry) for label, made in _simple(one, registry)]


def _simple(stage: type[Stage], registry: Registry) -> Iterator[tuple[str, Stage]]:
    if not inner_roles(stage):
        yield from _examples(stage, registry)


def _default(role: str, registry: Registry) -> Stage:
    made: Stage = next(made for _, made in _examples(registry.stage(role, DEFAULT_STAGES[role]), registry))
    return made


def _all(role: str, registry: Registry) -> list[type[Stage]]:
    loaded: Mapping[tuple[str, str], Any] = registry.loaded(role)
    return [one.value for one in loaded.values()]


def _proxy(stage: type[Stage]) -> type[Proxy]:
    return cast("type[Proxy]", stage)


def _moves(stage: type[Stage]) -> frozenset[Any]:
    return cast("type[Adversary]", stage).moves
