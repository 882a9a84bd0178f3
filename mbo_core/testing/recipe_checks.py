"""Checks of recipes: they resolve, state their origin, and can be written and read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mbo_core.errors import MboError, RecipeError
from mbo_core.recipes.recipe import Recipe, written
from mbo_core.recipes.resolve import check_branches, fits_kinds, resolve
from mbo_core.recipes.words import DEFAULT_ENCODINGS
from mbo_core.tasks.space import Kind
from mbo_core.testing.case import Inapplicable, demand
from mbo_core.testing.mix import Mix
from mbo_core.testing.offered_stage import OfferedStage
from mbo_core.testing.subjects import Shipped
from mbo_core.toml import parse


def recipe_resolves(shipped: Shipped) -> None:
    """The recipe and each preset resolve for a kind of task, and no branch has a mistake."""
    check_branches(shipped.method.document, shipped.registry)
    for preset in (None, *shipped.presets):
        kinds = fits_kinds(shipped.method.document, shipped.registry, preset)
        _demand_one(kinds, "the recipe" if preset is None else f"the preset {preset}")


def fits(offer: OfferedStage) -> None:
    """The stage can be made, and fits a kind of task."""
    kinds: dict[Kind, Any] = {}
    for kind in DEFAULT_ENCODINGS:
        try:
            kinds[kind] = offer.mixes(kind)
        except MboError as error:
            kinds[kind] = error
    _demand_one(kinds, "the stage")


def _demand_one(kinds: Mapping[Kind, Any], what: str) -> None:
    refusals = {kind: error for kind, error in kinds.items() if isinstance(error, MboError)}
    reasons = "; ".join(f"{kind}: {error.message}" for kind, error in refusals.items())
    demand(len(refusals) < len(kinds), f"{what} fits no kind of task: {reasons}", _hints(refusals))
    for kind, error in refusals.items():
        lines = f"{what} is refused for {kind} tasks without a hint: {error.message}"
        demand(error.hint or "hint:" in error.message, lines, "add a hint on what fits")


def _hints(refusals: Mapping[Kind, MboError]) -> str:
    return "; ".join(dict.fromkeys(error.hint for error in refusals.values() if error.hint)) or "fix the first of them"


def options_round_trip(offer: OfferedStage) -> None:
    """The stage, written with all its options and read again, is the same."""
    for mix in _mixes(offer):
        stage = offer.of(mix.recipe)
        table = {name: value for name, value in written(stage).items() if name != "use"}
        same = offer.made(table, mix.recipe.stages(), mix.kind) == stage
        demand(same, "the stage changes when it is written and read", "compare options by value")


def _mixes(offer: OfferedStage) -> list[Mix]:
    for kind in DEFAULT_ENCODINGS:
        try:
            return offer.mixes(kind)
        except MboError:
            continue
    raise Inapplicable("it fits no kind of task: see the check `fits`")


def recipe_states(shipped: Shipped) -> None:
    """The recipe states its name, summary, origin and published scores."""
    recipe = _resolved(shipped)
    about, name = recipe.about, shipped.method.name
    written = shipped.method.about.get("name")
    demand(written == name, f"the recipe in {name}.toml is named {written}", f'write name = "{name}" in [method]')
    summary = about.get("summary")
    one_line = isinstance(summary, str) and summary.strip() and "\n" not in summary
    demand(one_line, "the recipe has no one-line summary", 'write summary = "..." in [method]')
    hint = 'write paper = "arXiv:..." in [method], or mix = true for a mix of published methods'
    demand(about.get("paper") or about.get("mix"), "the recipe names no paper", hint)
    for task, scores in recipe.published.items():
        demand(scores.get("source"), f"published.{task} has no source", 'add source = "..."')


def recipe_round_trip(shipped: Shipped) -> None:
    """The recipe, written with all its options and read again, is the same."""
    for kind, recipe in _by_kind(shipped):
        text = recipe.to_toml({})
        again = resolve(parse(text, shipped.method.name), shipped.registry, kind=kind)
        same = recipe.stages() == again.stages() and recipe.published == again.published
        fact = f"the recipe for {kind} tasks changes when it is written and read"
        demand(same, fact, "options must be plain values and stages, compared by value and not changed on construction")


def _resolved(shipped: Shipped) -> Recipe:
    return next(recipe for _, recipe in _by_kind(shipped))


def _by_kind(shipped: Shipped) -> list[tuple[Kind, Recipe]]:
    found = []
    for kind in DEFAULT_ENCODINGS:
        try:
            found.append((kind, shipped.resolved(kind, None)))
        except RecipeError:
            continue
    if not found:
        raise Inapplicable("it does not resolve: see the check `recipe-resolves`")
    return found
