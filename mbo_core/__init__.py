"""Offline model-based optimization: a registry and runner of methods whose stages mix.

>>> import mbo_core as mbo
>>> result = mbo.run("grad-ascent", task="Quadratic2D-Exact-v0", seeds=2, preset="quick", set=["proxy.epochs=1"])
>>> result.designs.shape
(2, 128, 2)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mbo_core.errors import MboError, RecipeError, StoreError, TaskError
from mbo_core.hookspecs import hookimpl, hookspec

if TYPE_CHECKING:
    from mbo_core.execute import Interrupted, run
    from mbo_core.plugins import Registry, installed
    from mbo_core.result import Result, SeedResult
    from mbo_core.task import Space, Task, TaskInfo, TaskOffer

_HOMES = {
    "Interrupted": "execute",
    "Registry": "plugins",
    "Result": "result",
    "SeedResult": "result",
    "Space": "task",
    "Task": "task",
    "TaskInfo": "task",
    "TaskOffer": "task",
    "installed": "plugins",
    "run": "execute",
}

__all__ = [
    "Interrupted",
    "MboError",
    "RecipeError",
    "Registry",
    "Result",
    "SeedResult",
    "Space",
    "StoreError",
    "Task",
    "TaskError",
    "TaskInfo",
    "TaskOffer",
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
