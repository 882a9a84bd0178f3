"""From a grid to its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mbo_bench.cells.cell import Cell, base_of, data_digest, key_of, versions_used
from mbo_bench.grid.reading import Grid
from mbo_bench.grid.variants import Variant
from mbo_core.errors import Mistakes, RecipeError, TaskError
from mbo_core.plugins.registry import Registry

if TYPE_CHECKING:
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.tasks.task import Task


@dataclass(frozen=True)
class Fit:
    """A recipe resolved for a task; a reason in its place if they do not fit."""

    variant: Variant
    recipe: Recipe | None
    refused: str = ""


def cells(grid: Grid, registry: Registry) -> list[Cell]:
    """All cells, those that are refused among them, task by task.

    Raises:
        RecipeError: with all mistakes, before any task is loaded.
    """
    mistakes, fits = Mistakes(), {}
    for task in grid.tasks:
        fits[str(task.value)] = [_fit(one, str(task.value), registry, mistakes) for one in grid.variants]
    if mistakes.found:
        raise RecipeError(*mistakes.joined("the grid"), mistakes=mistakes.found)
    return [cell for task, each in fits.items() for cell in _of_task(task, each, grid.groups, registry)]


def _fit(variant: Variant, task: str, registry: Registry, mistakes: Mistakes) -> Fit:
    from mbo_core.recipes.resolve import Misfit, resolve

    kind = registry.task(task).kind
    try:
        recipe = resolve(variant.document, registry, kind=kind, task=task, preset=variant.preset, sets=variant.sets)
    except Misfit as error:
        return Fit(variant, None, error.message)
    except RecipeError as error:
        mistakes.take(((f"{variant.where}: {variant.label}: {fact}", hint) for fact, hint in error.mistakes))
        return Fit(variant, None, error.message)
    return Fit(variant, recipe)


def _of_task(task: str, fits: Sequence[Fit], groups: Sequence[tuple[int, ...]], registry: Registry) -> Iterator[Cell]:
    # Loaded only if a recipe fits, and dropped before the next one: some hold millions of rows.
    loaded = registry.task(task).load() if any(one.recipe for one in fits) else None
    data = data_digest(loaded) if loaded is not None else ""
    for one in fits:
        refused = one.refused or _too_small(one, loaded)
        label, parts = one.variant.label, one.variant.parts
        if refused or one.recipe is None:
            yield from (Cell(label, task, seeds, refused=refused, parts=parts) for seeds in groups)
            continue
        base, text = base_of(one.recipe, data, task, versions_used(one.recipe, task, registry)), one.recipe.to_toml({})
        yield from (Cell(label, task, seeds, key_of(base, seeds), text, parts=parts) for seeds in groups)


def _too_small(one: Fit, task: Task | None) -> str:
    """Why the task's table is too small for the recipe; empty if it is not."""
    from mbo_core.recipes.limits import fitted

    if one.recipe is None or task is None:
        return ""
    try:
        fitted(one.recipe, task.table.designs)
    except TaskError as error:
        return error.message
    return ""
