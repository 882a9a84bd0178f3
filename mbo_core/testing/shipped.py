"""A method's recipe as shipped, for tests that compare its constants with a paper."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core.plugins.registry import installed
from mbo_core.recipes.layers import find
from mbo_core.recipes.recipe import Recipe
from mbo_core.recipes.resolve import resolve
from mbo_core.tasks.space import Kind


def resolved(
    method: str,
    kind: Kind = "continuous",
    task: str | None = None,
    preset: str | None = None,
    sets: Sequence[str] = (),
) -> Recipe:
    """An installed method's recipe with all layers of a run.

    A test of the published constants compares its stages, e.g. `resolved("coms", "discrete").update.step_size`, or all
    options of one at once, by `mbo_core.recipes.recipe.written`.

    Args:
        method: its name.
        kind: the kind of task.
        task: a task's name, for `[when."TASK"]`.
        preset: one of the recipe's presets.
        sets: `role.option=VALUE` assignments.

    Raises:
        RecipeError: if the method is not installed, or the recipe has a mistake or does not fit.
    """
    registry = installed()
    return resolve(find(method, registry), registry, kind=kind, task=task, preset=preset, sets=sets)
