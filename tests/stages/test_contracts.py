"""What the core calls on stages, with what, and what it does with the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

import mbo_core as mbo
from mbo_core.cli.report import print_folder
from mbo_core.functional import batches, keys
from mbo_core.runs.seeds import Stream, stream_keys
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


[FIRST] = keys.fold_in(keys.fold_in(stream_keys([0], Stream.PROXY, "cpu"), batches.Use.STEP), 0)


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


@dataclass(frozen=True, kw_only=True)
class Fitted(Proxy):
    """Predicts the mean score, and tells the number of rows, plus 1 for the second seed."""

    fails: bool = False
    name = "fitted"
    abilities = frozenset({"values"})
    infos: ClassVar = {"rows": "the number of rows", "odd": "whether something is odd"}
    notes: ClassVar = {"odd": "something is odd"}

    def schedule(self, data):
        return Schedule(epochs=0, batch_size=1)

    def init(self, key, data):
        second = (key == SECOND).all()
        rows = torch.where(second & self.fails, torch.nan, len(data.y) + second)
        return data.y.mean(), {"rows": rows, "odd": second.float()}

    def predict(self, state, x):
        return Prediction(state.expand(len(x)), torch.zeros(len(x)))


[SECOND] = keys.fold_in(stream_keys([1], Stream.PROXY, "cpu"), batches.Use.INIT)


@LIFTS
def test_what_a_fit_tells_is_recorded_and_printed(lift, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(Fitted, "lift", lift)
    result = mbo.run(mbo.Recipe(proxy=Fitted(), update=BEST), TASK, seeds=2, out=tmp_path / "run")
    assert [trial.steps for trial in result.trials.values()] == [
        [{"phase": "fit", "step": 0, "rows": 6, "odd": 0}],
        [{"phase": "fit", "step": 0, "rows": 7, "odd": 1}],
    ]
    print_folder(tmp_path / "run")
    printed = capsys.readouterr().out
    assert "proxy fitted (seeds 0, 1): rows 6.500 ± 0.500, odd 0.500 ± 0.500" in printed
    assert "proxy fitted (seed 1): something is odd" in printed


@LIFTS
def test_a_seed_whose_fit_is_nan_fails(lift, monkeypatch):
    monkeypatch.setattr(Fitted, "lift", lift)
    result = mbo.run(mbo.Recipe(proxy=Fitted(fails=True), update=BEST), TASK, seeds=2)
    assert result.failed == {1: "the proxy's fit diverged: rows is nan at step 0"}
    assert list(result.trials) == [0]


def test_an_undeclared_info_of_a_fit_is_refused(monkeypatch):
    monkeypatch.setattr(Fitted, "infos", {"row": "misspelt", "odd": "whether something is odd"})
    with pytest.raises(mbo.MboError, match='undeclared info "rows" of proxy fitted'):
        mbo.run(mbo.Recipe(proxy=Fitted(), update=BEST), TASK, seeds=1)


def test_epochs_without_a_step_are_an_error(monkeypatch):
    monkeypatch.setattr(Fitted, "schedule", lambda self, data: Schedule(epochs=1, batch_size=6))
    with pytest.raises(mbo.MboError, match='proxy "fitted" has epochs but no step'):
        mbo.run(mbo.Recipe(proxy=Fitted(), update=BEST), TASK, seeds=1)


@dataclass(frozen=True, kw_only=True)
class Ranking(Proxy):
    """Orders designs by their first coordinate."""

    name = "own-ranking"
    abilities = frozenset({"order"})

    def schedule(self, data):
        return Schedule(epochs=0, batch_size=1)

    def init(self, key, data):
        return torch.zeros(())

    def predict(self, state, x):
        return Prediction(50 + x[:, 0] + state, torch.zeros(len(x)))


@dataclass(frozen=True, kw_only=True)
class Ranked(Phases):
    """Tells what the proxy predicts for each candidate."""

    name = "ranked"
    needs = frozenset({"order"})
    infos: ClassVar = {"predicted": "of each candidate"}

    def step(self, key, state, data, number):
        return state, {"predicted": state[:, 0] + 50}


def test_a_ranking_has_no_predicted_scores(tmp_path):
    result = mbo.run(mbo.Recipe(proxy=Ranking(), update=Ranked()), TASK, seeds=2, out=tmp_path / "run")
    assert result.frame()["predicted"].isna().all()
    assert result.predicted_less_true() == [None, None]
    assert result.trials[0].steps[-1]["predicted"] == 50
    head, first = (tmp_path / "run/seeds/0/designs.csv").read_text().splitlines()
    assert dict(zip(head.split(","), first.split(","), strict=True))["predicted"] == ""
    with pytest.raises(mbo.MboError, match="no trained proxy that predicts scores"):
        result.predict(TASK.x)


def test_an_update_that_needs_scores_refuses_a_ranking(monkeypatch):
    monkeypatch.setattr(Ranked, "needs", frozenset({"values"}))
    with pytest.raises(mbo.RecipeError, match='needs a proxy with "values", which "own-ranking" lacks'):
        mbo.run(mbo.Recipe(proxy=Ranking(), update=Ranked()), TASK, seeds=1)


def test_values_imply_order():
    assert Fitted.abilities == {"order", "values"}
    assert Ranking.abilities == {"order"}
