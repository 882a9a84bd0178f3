"""Stages and a task that do nothing, for tests of recipes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, distribution
from pathlib import Path
from typing import Literal

import pytest

from mbo_core.errors import RecipeError
from mbo_core.plugins.hookspecs import ENTRY_POINTS, hookimpl
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.resolve import resolve
from mbo_core.stages import Adversary, NoAdversary, NoProxy, NoUpdate, Proxy, Update, option, stage_option
from mbo_core.tasks import TaskInfo, TaskOffer
from mbo_core.toml import parse


@dataclass(frozen=True, kw_only=True)
class Shake(NoAdversary):
    name = "shake"
    moves = frozenset({"designs"})
    steps: int = option(3, "number of steps", at_least=0)


@dataclass(frozen=True, kw_only=True)
class Sturdy(NoProxy):
    name = "sturdy"
    abilities = frozenset({"values", "gradients"})
    trains_against = frozenset({"designs"})
    adversary: Adversary = stage_option("the adversary to train against")
    epochs: int = option(10, "passes over the data", at_least=1)
    rate: float = option(0.1, "learning rate", above=0.0)
    hidden: tuple[int, ...] = option((8, 8), "widths", at_least=1)
    bootstrap: bool = option(True, "draw with replacement")
    shuffle: Literal["shared", "own"] = option("shared", "the order")

    def __post_init__(self) -> None:
        if self.bootstrap and self.shuffle == "own":
            raise ValueError('shuffle="own" of bootstrap=true is not implemented')
        if self.rate > 10:
            raise ValueError("too fast")


@dataclass(frozen=True, kw_only=True)
class Plain(NoProxy):
    name = "plain"
    abilities = frozenset({"values"})


@dataclass(frozen=True, kw_only=True)
class Climb(NoUpdate):
    name = "climb"
    proxy: Proxy = stage_option("the proxy to climb")
    steps: int = option(200, "number of steps", at_least=0)

    @property
    def needs(self):
        return frozenset({"values", "gradients"})


@dataclass(frozen=True, kw_only=True)
class Twice(NoUpdate):
    name = "twice"
    inner: Update = stage_option("the search that is done twice")


@hookimpl
def mbo_stages():
    return [Shake, Sturdy, Plain, Climb, Twice]


@hookimpl
def mbo_tasks():
    return [TaskOffer("tokens", "discrete", TaskInfo("a toy"), lambda: None)]


REGISTRY = Registry([(EntryPoint("here", __name__, ENTRY_POINTS), distribution("mbo-core"))])


def recipe(text: str, kind="discrete", name: str = "mine", **more):
    return resolve(parse(text, name), REGISTRY, kind=kind, **more)


def refusal(text: str, kind="discrete", **more) -> RecipeError:
    with pytest.raises(RecipeError) as refused:
        recipe(text, kind, **more)
    return refused.value


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder
