"""Numbers of rows in a recipe are upper limits: a table of few designs cuts them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from mbo_core.errors import TaskError
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.words import ROLES
from mbo_core.stages.contracts import Stage
from mbo_core.stages.options import Option, options

S = TypeVar("S", bound=Stage)


@dataclass(frozen=True)
class Cut:
    """An option whose number of rows or designs a table cuts.

    Attributes:
        option: its path, e.g. `proxy.held_out`.
        asked: the number in the recipe.
        used: the number that a run uses.
    """

    option: str
    asked: int
    used: int


def fitted(recipe: Recipe, designs: int) -> tuple[Recipe, tuple[Cut, ...]]:
    """A resolved recipe within the limits of a table of so many distinct designs, and what was cut.

    The limits are those that the stages declare: `option(..., share=...)`.

    Raises:
        TaskError: if a stage refuses its options after the cut.
    """
    made: dict[str, Stage] = {}
    cuts: list[Cut] = []
    for role, stage in recipe.stages().items():
        made[role] = _fitted(stage, role, designs, made, cuts)
    return replace(recipe, **cast(Any, made)), tuple(cuts)


def _fitted(stage: S, path: str, designs: int, made: Mapping[str, Stage], cuts: list[Cut]) -> S:
    changed: dict[str, Any] = {}
    for option in options(type(stage)).values():
        value, where = getattr(stage, option.name), f"{path}.{option.name}"
        if option.name in ROLES and isinstance(value, Stage):
            changed[option.name] = made.get(option.name, value)
        elif isinstance(value, Stage):
            changed[option.name] = _fitted(value, where, designs, made, cuts)
        elif type(value) is int and (used := _within(option, value, designs)) < value:
            changed[option.name] = used
            cuts.append(Cut(where, value, used))
    try:
        return replace(cast(Any, stage), **changed)  # type: ignore[no-any-return]
    except ValueError as error:
        fact = f'table of {designs} distinct designs is too small for {path} "{stage.name}": {error}'
        raise TaskError(fact, "give more designs, or set these options lower") from error


def _within(option: Option, value: int, designs: int) -> int:
    """The number that a table of so many designs allows, never below the option's smallest."""
    share, least = option.limits.share, int(option.limits.at_least or 0)
    if share is None:
        return value
    # A fifth is rounded in floating point.
    return max(least, min(value, math.floor(share * designs + 1e-9)))


def in_words(cuts: Sequence[Cut]) -> str:
    """The cuts for a heading, e.g. `proxy.held_out 4 instead of 500`; empty if there are none."""
    return ", ".join(f"{cut.option} {cut.used} instead of {cut.asked}" for cut in cuts)
