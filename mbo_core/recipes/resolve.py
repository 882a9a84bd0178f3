"""Resolve a recipe: from its layers to five stages that fit together. All mistakes are reported at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from mbo_core.errors import MboError, Mistakes, RecipeError, matching, nearest
from mbo_core.foreign import foreign
from mbo_core.plugins.discovery import Plugin
from mbo_core.plugins.registry import Registry
from mbo_core.plugins.requirements import check_requirements, offering
from mbo_core.plugins.validation import role_of
from mbo_core.recipes.builder import Builder
from mbo_core.recipes.checks import check_sets, check_words
from mbo_core.recipes.fit import check
from mbo_core.recipes.layers import Lineage, find, flatten, lineage, named_stages, shipped_in
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.words import DEFAULT_ENCODINGS, ORIGIN
from mbo_core.stages.contracts import Stage, with_inner
from mbo_core.tasks.space import Kind
from mbo_core.toml import Document, plain, subtable

__all__ = ["Misfit", "check_branches", "find", "fits_kinds", "recorded_run", "resolve"]


class Misfit(RecipeError):
    """Valid stages that do not fit each other or the kind of task."""


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
        preset: the name of a preset of the recipe or of a parent.
        sets: `role.option=VALUE` assignments, VALUE in TOML.

    Raises:
        RecipeError: with all mistakes, each with file, line and a hint; a `Misfit` if only the combination is wrong.
    """
    mistakes = Mistakes()
    whole = _lineage(document, task, registry, mistakes)
    for one in reversed(whole.documents):
        _check_text(one, task, registry, mistakes)
    check_sets(sets, mistakes)
    run = recorded_run(document)
    chosen = _preset(whole, preset, mistakes)
    bare = flatten(whole, kind, task)
    laid = flatten(whole, kind, task, chosen)
    flat = flatten(whole, kind, task, chosen, sets)
    with foreign("a stage of the recipe"):
        stages = Builder(registry, whole, mistakes, kind).stages(flat)
    mistakes.raise_if_any()
    if chosen and plain(laid) == plain(bare):
        raise RecipeError(f'preset "{chosen}" changes nothing in this recipe for {kind} tasks', _PRESET_HINT)
    about, published = whole.about(), plain(subtable(document.table, "published"))
    if named_stages(flat) != named_stages(laid):
        # With other stages it is no longer the published method.
        about, published = {key: value for key, value in about.items() if key not in ORIGIN}, {}
    recipe = Recipe(
        name=about["name"],
        about=about,
        published=published,
        preset=chosen or run.get("applied"),
        changed=(*run.get("changed", ()), *sets),
        **cast(Any, stages),
    )
    check(recipe, kind, registry, mistakes)
    mistakes.raise_if_any(Misfit)
    return _with_requires(recipe, registry)


_PRESET_HINT = "remove the preset, or define it in your recipe: [preset.NAME]"


def _preset(whole: Lineage, asked: str | None, mistakes: Mistakes) -> str | None:
    """The preset to apply: the one asked for, else the one named in `[run]`."""
    named = recorded_run(whole.recipe).get("preset")
    where = "" if asked else whole.recipe.where("run", "preset")
    wanted = asked or named
    if not wanted or not isinstance(wanted, str):
        return None
    found = matching(wanted, whole.presets)
    if found is None:
        mistakes.add(where, f'unknown preset "{wanted}"', nearest(wanted, whole.presets))
    return found


def _lineage(document: Document, task: str | None, registry: Registry, mistakes: Mistakes) -> Lineage:
    """The recipe with its parents; a missing one is reported together with the mistakes in the recipe's text."""
    try:
        return lineage(document, registry)
    except RecipeError as error:
        mistakes.take(error.mistakes)
        _check_text(document, task, registry, mistakes)
        mistakes.raise_if_any()
        raise


def _check_text(document: Document, task: str | None, registry: Registry, mistakes: Mistakes) -> None:
    """Note mistakes in a document's keys and requirements."""
    check_requirements(document, mistakes)
    check_words(document, mistakes)
    if shipped_in(document, registry) is None:
        # A shipped recipe may name tasks that are not installed; in a user's own recipe that is a mistake.
        known = (*DEFAULT_ENCODINGS, *registry.tasks, *([task] if task else []))
        for condition in subtable(document.table, "when"):
            if condition not in known:
                fact = f'unknown task or kind of task "{condition}"'
                mistakes.add(document.where("when", condition), fact, nearest(condition, known))


def _with_requires(recipe: Recipe, registry: Registry) -> Recipe:
    """The recipe with the requirements of its stages, and the place of each stage that cannot be installed."""
    used = {role: _plugins(stage, registry) for role, stage in recipe.stages().items()}
    plugins = {name: plugin for each in used.values() for name, plugin in each.items()}
    stated = {
        "requires": offering(plugins.values()),
        "unpackaged": {name: plugin.distribution for name, plugin in plugins.items() if plugin.given},
    }
    about = {key: value for key, value in recipe.about.items() if key not in stated}
    about |= {key: value for key, value in stated.items() if value}
    versions = {role: {one.distribution: one.version for one in each.values()} for role, each in used.items()}
    return replace(recipe, about=about, distributions=versions)


def _plugins(stage: Stage, registry: Registry) -> dict[str, Plugin]:
    """The plugins of a stage and its inner stages, by role and name."""
    keys = [(role_of(type(one)), one.name) for one in with_inner(stage)]
    return {" ".join(key): registry.stages[key].plugin for key in keys}


def fits_kinds(
    document: Document, registry: Registry, preset: str | None = None, sets: Sequence[str] = ()
) -> dict[Kind, Recipe | MboError]:
    """The recipe resolved for each kind of task, or the error."""
    resolved: dict[Kind, Recipe | MboError] = {}
    for kind in DEFAULT_ENCODINGS:
        try:
            resolved[kind] = resolve(document, registry, kind=kind, preset=preset, sets=sets)
        except MboError as error:
            resolved[kind] = error
    return resolved


def check_branches(document: Document, registry: Registry, sets: Sequence[str] = ()) -> None:
    """Check a recipe with each of its own `when` tables and presets, whether or not they apply.

    A branch is valid if it is valid for at least one kind of task. A `when` table may assume stages that `--set`
    replaces, so stages that do not fit are not a mistake there.

    Raises:
        RecipeError: with all mistakes.
    """
    mistakes = Mistakes()
    for kinds, task, preset in _branches(document, registry):
        refused = [_refusal(document, registry, kind, task, preset, sets) for kind in kinds]
        # A mistake for one kind may be right for the other, so the shorter list is reported.
        shortest = min(refused, key=lambda error: len(error.mistakes) if error else 0)
        if shortest is not None and not isinstance(shortest, Misfit):
            mistakes.take(shortest.mistakes)
        elif shortest is not None and preset is not None and not mistakes.found:
            mistakes.take((f"{document.where('preset', preset)}: {fact}", hint) for fact, hint in shortest.mistakes)
        elif shortest is not None and (task, len(kinds)) == (None, len(DEFAULT_ENCODINGS)):
            mistakes.take(shortest.mistakes)
    mistakes.raise_if_any()


def _branches(document: Document, registry: Registry) -> Iterator[tuple[list[Kind], str | None, str | None]]:
    """The kinds of task, the task and the preset of each branch, the base first."""
    kinds = list(DEFAULT_ENCODINGS)
    yield kinds, None, None
    for name in subtable(document.table, "when"):
        offered = registry.tasks.get(name)
        if name in DEFAULT_ENCODINGS:
            yield [kind for kind in kinds if kind == name], None, None
        else:
            yield [offered.value.kind] if offered else kinds, name, None
    for preset, layer in subtable(document.table, "preset").items():
        yield kinds, None, preset
        for name in set(subtable(layer, "when") if isinstance(layer, dict) else ()) - set(DEFAULT_ENCODINGS):
            yield kinds, name, preset


def _refusal(
    document: Document, registry: Registry, kind: Kind, task: str | None, preset: str | None, sets: Sequence[str]
) -> RecipeError | None:
    try:
        resolve(document, registry, kind=kind, task=task, preset=preset, sets=sets)
    except RecipeError as error:
        return error
    return None


def recorded_run(document: Document) -> Mapping[str, Any]:
    """The table `[run]`, written by an earlier run; empty for a method."""
    recorded: Mapping[str, Any] = plain(subtable(document.table, "run"))
    return recorded
