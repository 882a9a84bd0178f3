"""Recipes: from a document and its layers to five stages that fit each other. All mistakes are reported at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from mbo_core.errors import MboError, Mistakes, RecipeError, nearest
from mbo_core.plugins.registry import Registry
from mbo_core.plugins.requirements import check_requirements, offering
from mbo_core.plugins.validation import role_of
from mbo_core.recipes.builder import Builder
from mbo_core.recipes.fit import check
from mbo_core.recipes.layers import Lineage, check_sets, check_words, find, flatten, lineage, shipped_in
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.words import DEFAULT_ENCODINGS
from mbo_core.stages.contracts import with_inner
from mbo_core.tasks.space import Kind
from mbo_core.toml import Document, plain, subtable

__all__ = ["Misfit", "check_branches", "find", "fits_kinds", "recorded_run", "resolve"]


class Misfit(RecipeError):
    """Stages each of which is right, but which do not fit each other or the kind of task."""


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
        preset: a preset of the recipe or of a parent.
        sets: `role.option=VALUE` assignments, VALUE in TOML.

    Raises:
        RecipeError: with all mistakes, each with file, line and a hint; a `Misfit` if only the mix is wrong.
    """
    mistakes = Mistakes()
    whole = _lineage(document, task, registry, mistakes)
    for one in reversed(whole.documents):
        _check_text(one, task, registry, mistakes)
    check_sets(sets, mistakes)
    if preset is not None and preset not in whole.presets:
        mistakes.add("", f'there is no preset "{preset}" in this recipe', nearest(preset, whole.presets))
    stated = recorded_preset(whole)
    if stated and stated not in whole.presets and not _was_run(document):
        mistakes.add(document.where("run", "preset"), f'there is no preset "{stated}"', nearest(stated, whole.presets))
    applied = preset or (stated if stated in whole.presets else None)
    stages = Builder(registry, whole, mistakes).stages(flatten(whole, kind, task, applied, sets))
    mistakes.raise_if_any()
    recipe = Recipe(
        name=whole.about()["name"],
        about=whole.about(),
        # What was published of a parent is no score of a recipe that differs from it.
        published=plain(subtable(document.table, "published")),
        preset=applied or stated,
        **cast(Any, stages),
    )
    check(recipe, kind, registry, mistakes)
    mistakes.raise_if_any(Misfit)
    return _with_requires(recipe, registry)


def recorded_preset(whole: Lineage) -> str | None:
    """The preset that `[run]` names, or None; in the recipe of an earlier run it is laid over the base already."""
    recorded = [recorded_run(one).get("preset") for one in whole.documents]
    return next((preset for preset in reversed(recorded) if preset and isinstance(preset, str)), None)


def _was_run(document: Document) -> bool:
    """Whether it is, or starts from, the resolved recipe of a run, which has the preset laid over it already."""
    return not {"extends", "preset"} & set(document.table) or "preset" not in recorded_run(document)


def _lineage(document: Document, task: str | None, registry: Registry, mistakes: Mistakes) -> Lineage:
    """The recipe with its parents; if one is missing that is said with what is wrong in the recipe's own text."""
    try:
        return lineage(document, registry)
    except RecipeError as error:
        mistakes.take(error.mistakes)
        _check_text(document, task, registry, mistakes)
        mistakes.raise_if_any()
        raise


def _check_text(document: Document, task: str | None, registry: Registry, mistakes: Mistakes) -> None:
    """Note what is wrong with a document's words and requirements."""
    check_requirements(document, mistakes)
    check_words(document, mistakes)
    if shipped_in(document, registry) is None:
        # A shipped recipe may name tasks of a plugin that is not installed; in a person's own that is a mistake.
        known = (*DEFAULT_ENCODINGS, *registry.tasks, *([task] if task else []))
        for condition in subtable(document.table, "when"):
            if condition not in known:
                fact = f'"{condition}" is neither a kind of task nor a task'
                mistakes.add(document.where("when", condition), fact, nearest(condition, known))


def _with_requires(recipe: Recipe, registry: Registry) -> Recipe:
    """The recipe, stating what has to be installed for its stages."""
    used = {
        role: [registry.stages[role_of(type(one)), one.name].plugin for one in with_inner(stage)]
        for role, stage in recipe.stages().items()
    }
    stated = offering(plugin for plugins in used.values() for plugin in plugins)
    about = {key: value for key, value in recipe.about.items() if key != "requires"}
    about |= {"requires": stated} if stated else {}
    versions = {role: {one.distribution: one.version for one in plugins} for role, plugins in used.items()}
    return replace(recipe, about=about, distributions=versions)


def fits_kinds(
    document: Document, registry: Registry, preset: str | None = None, sets: Sequence[str] = ()
) -> dict[Kind, Recipe | MboError]:
    """The recipe resolved for each kind of task, or why it cannot be."""
    resolved: dict[Kind, Recipe | MboError] = {}
    for kind in DEFAULT_ENCODINGS:
        try:
            resolved[kind] = resolve(document, registry, kind=kind, preset=preset, sets=sets)
        except MboError as error:
            resolved[kind] = error
    return resolved


def check_branches(document: Document, registry: Registry, sets: Sequence[str] = ()) -> None:
    """Look for mistakes in a recipe and in every `when` table and preset of its own, whether or not they apply.

    What stands in a branch is right if it is for one kind of task at least. A `when` table may be for stages that
    `--set` exchanges, so a mix that does not fit is no mistake there.

    Raises:
        RecipeError: with all mistakes.
    """
    mistakes = Mistakes()
    for kinds, task, preset in _branches(document, registry):
        refused = [_refusal(document, registry, kind, task, preset, sets) for kind in kinds]
        # What is wrong for one kind may be right for the other: the shorter list is what is meant.
        shortest = min(refused, key=lambda error: len(error.mistakes) if error else 0)
        if shortest is not None and not isinstance(shortest, Misfit):
            mistakes.take(shortest.mistakes)
        elif shortest is not None and preset is not None and not mistakes.found:
            mistakes.take((f"{document.where('preset', preset)}: {fact}", hint) for fact, hint in shortest.mistakes)
        elif shortest is not None and (task, len(kinds)) == (None, len(DEFAULT_ENCODINGS)):
            mistakes.take(shortest.mistakes)
    mistakes.raise_if_any()


def _branches(document: Document, registry: Registry) -> Iterator[tuple[list[Kind], str | None, str | None]]:
    """The kinds of task, the task and the preset that each branch can be meant for, the base first."""
    kinds = list(DEFAULT_ENCODINGS)
    yield kinds, None, None
    for name in subtable(document.table, "when"):
        offered = registry.tasks.get(name)
        if name in DEFAULT_ENCODINGS:
            yield [kind for kind in kinds if kind == name], None, None
        else:
            yield [offered.value.kind] if offered else kinds, name, None
    for preset in subtable(document.table, "preset"):
        yield kinds, None, preset


def _refusal(
    document: Document, registry: Registry, kind: Kind, task: str | None, preset: str | None, sets: Sequence[str]
) -> RecipeError | None:
    try:
        resolve(document, registry, kind=kind, task=task, preset=preset, sets=sets)
    except RecipeError as error:
        return error
    return None


def recorded_run(document: Document) -> Mapping[str, Any]:
    """What the recipe of an earlier run was run on: task, seeds, preset; empty for a method."""
    recorded: Mapping[str, Any] = plain(subtable(document.table, "run"))
    return recorded
