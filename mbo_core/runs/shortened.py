"""Stages with fewer epochs: for an estimate of what a run costs, and for checks before any training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, cast

from mbo_core.recipes.mixes import inner_roles
from mbo_core.stages.contracts import Stage
from mbo_core.stages.options import options

S = TypeVar("S", bound=Stage)


def most_epochs(stage: Stage) -> int:
    """The most passes over the data by which a stage prepares itself."""
    return max([0, *_epochs(stage).values(), *map(most_epochs, _inner(stage).values())])


def with_epochs(stage: S, count: int) -> S:
    """The stage with another number of passes; one without such an option as it is."""
    inner = {name: with_epochs(one, count) for name, one in _inner(stage).items()}
    return cast(S, replace(cast(Any, stage), **dict.fromkeys(_epochs(stage), count), **inner))


def _epochs(stage: Stage) -> dict[str, int]:
    """The options of a stage that count passes over the data."""
    counted = {name: getattr(stage, name) for name in options(type(stage)) if name.endswith("epochs")}
    return {name: value for name, value in counted.items() if isinstance(value, int)}


def _inner(stage: Stage) -> dict[str, Stage]:
    held = {name: getattr(stage, name) for name in inner_roles(type(stage))}
    return {name: one for name, one in held.items() if one is not None}
