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
    from mbo_core.runs.execute import run
    from mbo_core.runs.job import Interrupted
    from mbo_core.runs.loading import load
    from mbo_core.runs.result import Result, Trial
    from mbo_core.runs.tables import compare
    from mbo_core.tasks.columns import Category, Sequence
    from mbo_core.tasks.constraints import Linear
    from mbo_core.tasks.files import read_table
    from mbo_core.tasks.fixed import Fixed
    from mbo_core.tasks.numbers import Real, Whole
    from mbo_core.tasks.space import Space
    from mbo_core.tasks.space_file import read_space, write_space
    from mbo_core.tasks.task import Task, TaskInfo, TaskOffer

_HOMES = {
    "Category": "tasks.columns",
    "Fixed": "tasks.fixed",
    "Interrupted": "runs.job",
    "Linear": "tasks.constraints",
    "Real": "tasks.numbers",
    "Recipe": "recipes.recipe",
    "Registry": "plugins.registry",
    "Result": "runs.result",
    "Trial": "runs.result",
    "Sequence": "tasks.columns",
    "Space": "tasks",
    "Task": "tasks",
    "TaskInfo": "tasks",
    "TaskOffer": "tasks",
    "Whole": "tasks.numbers",
    "compare": "runs.tables",
    "installed": "plugins.registry",
    "load": "runs.loading",
    "read_space": "tasks.space_file",
    "read_table": "tasks.files",
    "run": "runs.execute",
    "write_space": "tasks.space_file",
}

__all__ = [
    "Category",
    "Fixed",
    "Interrupted",
    "Linear",
    "MboError",
    "Real",
    "Recipe",
    "RecipeError",
    "Registry",
    "Result",
    "Sequence",
    "Space",
    "StageOffer",
    "StoreError",
    "Task",
    "TaskError",
    "TaskInfo",
    "TaskOffer",
    "Trial",
    "Whole",
    "compare",
    "hookimpl",
    "hookspec",
    "installed",
    "load",
    "read_space",
    "read_table",
    "run",
    "write_space",
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
