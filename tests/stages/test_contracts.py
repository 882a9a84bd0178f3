"""What the core calls on stages, with what, and what it does with the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

import mbo_core as mbo
from mbo_core.functional import batches
from mbo_core.runs.seeds import Stream, fold, stream_keys
from mbo_core.stages import NoUpdate, Prediction, Proxy, Schedule, Update, top

LIFTS = pytest.mark.parametrize("lift", ["vmap", "loop"])
BEST = NoUpdate(candidates=2)
TASK = mbo.Task("table", np.arange(12.0).reshape(6, 2), np.arange(6.0))


@dataclass(frozen=True, kw_only=True)
class Phases(Update):
    """Adds 1 to its designs in the first step, 10 in the second, and 100 in the third."""

    name = "phases"
    needs = frozenset()
    infos: ClassVar = {"number": "of the step"}

    def length(self, data):
        return 3

    def init(self, key, data, proxy_state):
        return 0 * top(data, 1)

    def step(self, key, state, data, number):
        return state + 10.0**number, {"number": data.y.new_tensor(number)}

    def designs(self, state):
        return state


class Offset(NamedTuple):
    """The steps taken, and what is added to them after training."""

    steps: Tensor
    offset: Tensor


@dataclass(frozen=True, kw_only=True)
class Calibrated(Proxy):
    """Counts its steps and, once it is trained, adds the sum of the standardised designs' squares."""

    epochs: int = 2
    diverges: bool = False
    name = "calibrated"
    abilities = frozenset({"values"})

    def schedule(self, data):
        return Schedule(self.epochs, batch_size=3)

    def init(self, key, data):
        return Offset(torch.zeros(()), torch.zeros(()))

    def step(self, key, state, batch):
        step = torch.where((key == FIRST).all() & self.diverges, torch.nan, 1.0)
        return state._replace(steps=state.steps + step), {"loss": step}

    def finish(self, key, state, data):
        # Raises for NaN.
        one = torch.linalg.cholesky(torch.exp(0 * state.steps)[None, None])[0, 0]
        return state._replace(offset=state.offset + 1000 * one + data.x.square().sum())

    def predict(self, state, x):
        mean = (state.steps + state.offset).expand(len(x))
        return Prediction(mean, torch.zeros_like(mean))


[FIRST] = fold(fold(stream_keys([0], Stream.PROXY, "cpu"), batches.Use.STEP), 0)


@LIFTS
@pytest.mark.parametrize("epochs", [0, 2])
def test_a_proxy_is_finished_once(lift, epochs, monkeypatch):
    monkeypatch.setattr(Calibrated, "lift", lift)
    result = mbo.run(mbo.Recipe(proxy=Calibrated(epochs=epochs), update=BEST), TASK, seeds=2)
    for trial in result.trials.values():
        standardised = (trial.predicted - TASK.y.mean()) / TASK.y.std()
        assert standardised == pytest.approx(2 * epochs + 1000 + 12)


@LIFTS
def test_a_diverged_proxy_is_not_finished(lift, monkeypatch):
    monkeypatch.setattr(Calibrated, "lift", lift)
    result = mbo.run(mbo.Recipe(proxy=Calibrated(diverges=True), update=BEST), TASK, seeds=2)
    assert list(result.failed) == [0]
    assert list(result.trials) == [1]


@LIFTS
def test_a_search_gets_the_number_of_each_step(lift, monkeypatch):
    monkeypatch.setattr(Phases, "lift", lift)
    result = mbo.run(mbo.Recipe(update=Phases()), TASK, seeds=2)
    for trial in result.trials.values():
        assert trial.encoded.tolist() == [[111.0, 111.0]]
        assert [row["number"] for row in trial.steps] == [0, 1, 2]
