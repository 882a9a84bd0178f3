"""A small recipe with every phase of a run, in both ways of many seeds, and what stops a run at a step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.plugins.hookspecs import hookimpl
from mbo_core.stages import Prediction, Proxy, Schedule, Update, option, top

X = np.random.default_rng(0).normal(size=(40, 2))
TASK = mbo.Task("bowl", X, -(X**2).sum(1), oracle=lambda designs: -(designs**2).sum(1))


@dataclass(frozen=True, kw_only=True)
class Line(Proxy):
    """A linear model; the best state is kept, and it is trained again on all rows."""

    keep: str = option("best", "which state")
    refit: bool = option(True, "train again")

    name = "line"
    abilities = frozenset({"values"})

    def schedule(self, data):
        return Schedule(3, 8, held_out=8, keep=self.keep, refit=self.refit)

    def init(self, key, data):
        return keys.normal(key, (2,))

    def step(self, key, state, batch):
        error = batch.x @ state - batch.y + 0.1 * keys.normal(key, ())
        return state - 0.1 * (error[:, None] * batch.x).mean(0), {"loss": (error**2).mean()}

    def predict(self, state, x):
        return Prediction(x @ state, torch.zeros(len(x)))


class Trained:
    """An ordinary module with its optimiser."""

    def __init__(self, key):
        self.line = torch.nn.Linear(2, 1)
        with torch.no_grad():
            self.line.weight.copy_(keys.normal(key, (1, 2)))
            self.line.bias.zero_()
        self.adam = torch.optim.Adam(self.line.parameters(), lr=0.1)

    def state_dict(self):
        return {"line": self.line.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state):
        self.line.load_state_dict(state["line"])
        self.adam.load_state_dict(state["adam"])


@dataclass(frozen=True, kw_only=True)
class Module(Line):
    """The same as an ordinary module, one seed after another."""

    name = "module"
    lift = "loop"

    def init(self, key, data):
        return Trained(key)

    def step(self, key, state, batch):
        loss = ((state.line(batch.x)[:, 0] - batch.y) ** 2).mean()
        state.adam.zero_grad()
        loss.backward()
        state.adam.step()
        return state, {"loss": loss.detach()}

    def predict(self, state, x):
        return Prediction(state.line(x)[:, 0].detach(), torch.zeros(len(x)))


class Walked(NamedTuple):
    x: torch.Tensor
    seen: dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Drift(Update):
    """Random steps, whose state keeps the last one."""

    name = "drift"
    needs = frozenset()
    infos: ClassVar[dict[str, str]] = {"size": "of the step"}

    def length(self, data):
        return 5

    def init(self, key, data, proxy_state):
        return Walked(top(data, 4), {"last": torch.zeros(4, 2)})

    def step(self, key, state, data, number):
        moved = keys.normal(key, (4, 2)) + number
        return Walked(state.x + moved, {"last": moved}), {"size": moved.norm(dim=1)}

    def designs(self, state):
        return state.x


@hookimpl
def mbo_stages():
    return [Line, Module, Drift]


RECIPES = {"vmap": mbo.Recipe(proxy=Line(), update=Drift()), "loop": mbo.Recipe(proxy=Module(), update=Drift())}


class Stop:
    """Raises at the n-th report, and counts them."""

    def __init__(self, at: int = -1, error: BaseException | None = None) -> None:
        self.at, self.count, self.error = at, 0, error or KeyboardInterrupt()

    def __call__(self, phase: str, done: int, total: int) -> None:
        self.count += 1
        if self.count == self.at:
            raise self.error


def run(out: Path, at: int = -1, how: str = "vmap", **options: Any) -> mbo.Result:
    given = {"seeds": [0, 5, 7], "resume": True, "report": Stop(at), **options}
    return mbo.run(RECIPES[how], TASK, out=out, **given)


def stopped(out: Path, at: int, how: str = "vmap", **options: Any) -> bool:
    """Whether a run was stopped at a report."""
    try:
        run(out, at, how, **options)
    except mbo.Interrupted:
        return True
    return False


def files(folder: Path) -> dict[str, bytes]:
    """What the run stored but for its record and what plugins of the environment add."""
    found = [*folder.glob("seeds/*/*"), *folder.glob("*.toml"), *folder.glob("*.safetensors")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
