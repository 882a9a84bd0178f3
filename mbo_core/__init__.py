"""Offline model-based optimization: a registry and runner of methods whose stages mix.

>>> import mbo_core as mbo
>>> result = mbo.run("grad-ascent", task="Quadratic2D-Exact-v0", seeds=2, preset="quick", set=["proxy.epochs=1"])
>>> result.designs.shape
(2, 128, 2)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mbo_core.errors import MboError, RecipeError, StoreError, TaskError
from mbo_core.plugins.hookspecs import hookimpl, hookspec
from mbo_core.plugins.offers import StageOffer

if TYPE_CHECKING:
    from mbo_core.plugins.registry import Registry, installed
    from mbo_core.recipes.recipe import Recipe
    from mbo_core.runs.execute import Interrupted, run
    from mbo_core.runs.result import Result, Trial
    from mbo_core.runs.tables import compare
    from mbo_core.tasks.space import Space
    from mbo_core.tasks.task import Task, TaskInfo, TaskOffer

_HOMES = {
    "Interrupted": "runs.execute",
    "Recipe": "recipes.recipe",
    "Registry": "plugins.registry",
    "Result": "runs.result",
    "Trial": "runs.result",
    "Space": "tasks",
    "Task": "tasks",
    "TaskInfo": "tasks",
    "TaskOffer": "tasks",
    "compare": "runs.tables",
    "installed": "plugins.registry",
    "run": "runs.execute",
}

__all__ = [
    "Interrupted",
    "MboError",
    "Recipe",
    "RecipeError",
    "Registry",
    "Result",
    "Space",
    "StageOffer",
    "StoreError",
    "Task",
    "TaskError",
    "TaskInfo",
    "TaskOffer",
    "Trial",
    "compare",
    "hookimpl",
    "hookspec",
    "installed",
    "run",
]


def __getattr__(name: str) -> Any:
    """Import on first use, so that the command line answers without importing torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mbo_core.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """What there is, without the packages that were imported on the way."""
    return __all__
