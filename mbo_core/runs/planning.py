"""Check everything about a run that can be checked before any work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from mbo_core.errors import RecipeError
from mbo_core.foreign import foreign
from mbo_core.plugins.registry import Registry, installed
from mbo_core.recipes import resolve as recipes
from mbo_core.recipes.limits import Cut, fitted
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.values import AnyRecipe, opened
from mbo_core.runs.opening import Asked, open_task
from mbo_core.runs.store import START
from mbo_core.tasks.start import Start
from mbo_core.tasks.task import Task

SEEDS = 8
"""The default number of seeds, as in the published tables."""

MOST_SEEDS = 10_000
"""A larger count is probably meant as a seed."""

NOTHING = Asked()


@dataclass(frozen=True)
class Plan:
    """A checked run, ready to start.

    Attributes:
        recipe: the resolved recipe, within the limits of the table.
        asked: the same as it was written, before the table's limits.
        cuts: the numbers of rows that differ between the two.
        task: the task.
        seeds: the seeds.
        registry: the installed plugins.
        own_table: whether the task is the user's own table, so it cannot be found again by name.
        hold: the columns held in proposals, with their values.
        start: designs to search from, or None.
        files: the absolute paths of the space file and of the start designs, where they came from files.
    """

    recipe: Recipe
    asked: Recipe
    cuts: tuple[Cut, ...]
    task: Task
    seeds: tuple[int, ...]
    registry: Registry
    own_table: bool = False
    hold: Mapping[str, Any] = field(default_factory=dict)
    start: Start | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def settings(self, stored: bool = True) -> dict[str, Any]:
        """The table `[run]` by which the recipe repeats the run; beside a stored recipe stand copies of its files."""
        source = self.task.source
        named = {"task": self.task.name} if source is None else source.settings()
        files = {"start": None if self.start is None else START} if stored else self.files
        return {**named, "hold": dict(self.hold) or None, **files, "seeds": self.seeds}


def plan(
    recipe: AnyRecipe,
    task: str | Task | None = None,
    seeds: int | Sequence[int] | None = None,
    preset: str | None = None,
    set: Sequence[str] = (),
    registry: Registry | None = None,
    plugins: Sequence[object] = (),
    asked: Asked = NOTHING,
) -> Plan:
    """Check everything that can be checked before any work; see `run` for the arguments."""
    if isinstance(set, str):
        raise RecipeError(f"set must be a list, not the text {set!r}", f"write set=[{set!r}]")
    found = (registry or installed()).including(plugins)
    document, found = opened(recipe, found)
    recorded = recipes.recorded_run(document)
    opened_task = open_task(task, asked, document, found)
    loaded = opened_task.task
    with foreign("a stage of the recipe"):
        resolved = recipes.resolve(document, found, kind=loaded.kind, task=loaded.name, preset=preset, sets=set)
    numbers = seed_numbers(recorded.get("seeds", SEEDS) if seeds is None else seeds)
    used, cuts = fitted(resolved, loaded.table.designs)
    about = (opened_task.own_table, opened_task.hold, opened_task.start, opened_task.files)
    return Plan(used, resolved, cuts, loaded, numbers, found, *about)


def seed_numbers(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds asked for: a count, or the seeds themselves.

    Raises:
        RecipeError: for no seeds, a negative seed or a duplicate one.
    """
    given: Any = seeds
    given = range(given) if _whole(given) else given
    if isinstance(given, range) and len(given) > MOST_SEEDS:
        hint = f"for the single seed {seeds} write [{seeds}], or `--seeds {seeds},` on the command line"
        raise RecipeError(f"too many seeds: {seeds}, at most {MOST_SEEDS}", hint)
    numbers = tuple(given) if isinstance(given, Iterable) else ()
    if not numbers or not all(_whole(number) and 0 <= number < 2**64 for number in numbers):
        raise RecipeError(f"invalid seeds {seeds!r}", "give a count, or whole numbers from 0 to 2**64 - 1")
    if len(dict.fromkeys(numbers)) != len(numbers):
        raise RecipeError(f"duplicate seed in {list(map(int, numbers))}")
    return tuple(map(int, numbers))


def _whole(number: Any) -> bool:
    # Includes numpy integers; bool is excluded, though it is a subclass of int.
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def choose_device(device: str) -> str:
    """The device by name, `auto` resolved.

    Raises:
        RecipeError: if the device is not available.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device):
        raise RecipeError(
            f'device "{device}" is not available', f"available: {', '.join(d for d, ok in there.items() if ok)}"
        )
    return device
