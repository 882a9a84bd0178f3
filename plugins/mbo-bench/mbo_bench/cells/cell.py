"""A cell, and the key that says whether two are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mbo_core.errors import matching

if TYPE_CHECKING:
    from mbo_core.plugins.registry import Registry
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.tasks.task import Task

FORMAT = 1
"""The version of what the key covers."""
DIGITS = 20
"""Hexadecimal digits of a key: 80 bits."""


@dataclass(frozen=True)
class Cell:
    """One recipe on one task with a few seeds.

    Attributes:
        method: the label of the recipe in tables.
        task: the task's name.
        seeds: the seeds, trained together where the method lifts them.
        key: what it depends on, as a digest; empty if the cell is refused.
        recipe: the resolved recipe in TOML; empty if the cell is refused.
        refused: why the stages or the task do not fit; empty if they do.
        parts: the stages of a mix by role.
    """

    method: str
    task: str
    seeds: tuple[int, ...]
    key: str = ""
    recipe: str = ""
    refused: str = ""
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """The cell for people."""
        first, last = self.seeds[0], self.seeds[-1]
        seeds = f"seed {first}" if len(self.seeds) == 1 else f"seeds {first}..{last}"
        return f"{self.method} on {self.task}, {seeds}"

    def plain(self) -> dict[str, Any]:
        """The cell as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Cell:
        """The cell of plain values."""
        parts = tuple((role, name) for role, name in values["parts"])
        return cls(**{**values, "seeds": tuple(values["seeds"]), "parts": parts})


def key_of(base: str, seeds: tuple[int, ...]) -> str:
    """The digest of all that a cell's result depends on, from `base_of` and its seeds."""
    return sha256(json.dumps([base, seeds]).encode()).hexdigest()[:DIGITS]


def base_of(recipe: Recipe, data: str, task: str, versions: Mapping[str, str]) -> str:
    """The part of the digest that cells of other seeds share.

    Args:
        recipe: the resolved recipe, before a table's limits.
        data: the digest of the task's data.
        task: its name.
        versions: of the distributions that are used.
    """
    from mbo_core.recipes.recipe import written

    stages = {role: written(stage) for role, stage in recipe.stages().items()}
    # The name and the preset too, as the run's record has them.
    about = [recipe.name, recipe.preset, recipe.changed]
    rest = {"data": data, "task": task, "versions": versions}
    content = {"format": FORMAT, "about": about, "recipe": stages, **rest}
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def data_digest(task: Task) -> str:
    """A digest of a task's visible data, its space, and the scores that normalise to 0 and 1."""
    from mbo_core.runs.cache import data_of

    content = [data_of(task.table), task.y_min, task.y_max, task.sign]
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:DIGITS]


def versions_used(recipe: Recipe, task: str, registry: Registry) -> dict[str, str]:
    """The versions of the core and of the plugins of the recipe's stages and of the task."""
    used = {name: of for each in recipe.distributions.values() for name, of in each.items()}
    offered = registry.tasks.get(matching(task, registry.tasks) or f"{task.partition(':')[0]}:*")
    if offered is not None:
        used[offered.plugin.distribution] = offered.plugin.version
    return {**used, "mbo-core": version("mbo-core")}
