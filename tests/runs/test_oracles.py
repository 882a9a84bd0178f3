"""Oracles that call designs infeasible, that are noisy, or that cannot score: before the training and after it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.stages import OracleEvaluation
from mbo_core.tasks import OracleSet, Space, Task
from mbo_core.tasks.oracles import Verdict

X = np.random.default_rng(0).normal(size=(40, 2))
Y = -(X**2).sum(1)
BARE = {"update": {"use": "none", "candidates": 8}}


def task(oracle, **named) -> Task:
    return Task("lab", X, Y, oracle=oracle, **named)


def walled(designs):
    scores = -(designs**2).sum(1)
    return np.where(designs[:, 0] > 0, -np.inf, scores)


def test_minus_infinity_is_infeasible(tmp_path):
    """The word stands beside the design, and the design counts as the worst."""
    result = mbo.run(BARE, task(walled), seeds=2, out=tmp_path / "run")
    frame = result.frame()
    lost = frame["x0"] > 0
    assert 0 < lost.sum() < len(frame)
    assert (frame["fault"] == np.where(lost, "infeasible", "")).all()
    assert (frame["raw"][lost] == Y.min()).all()
    assert (frame["raw"][~lost] == -(frame[["x0", "x1"]] ** 2).sum(axis=1)[~lost]).all()
    assert result.failed == {}
    assert "infeasible" in (tmp_path / "run" / "seeds" / "0" / "designs.csv").read_text()
    assert any("could not be scored; the first: infeasible" in note.text for note in result.notes)


def test_an_infeasible_design_is_worse_than_any_other():
    scores = OracleEvaluation().score(np.array([[9.0, 9.0], [-99.0, 0.0]]), task(walled))
    assert scores["raw"].tolist() == [-9801.0, -9801.0]
    assert scores["fault"] == ["infeasible", ""]


def test_infeasible_while_minimising_is_infinity():
    lab = Task("lab", X, -Y, minimize=True, oracle=lambda x: -walled(x))
    result = mbo.run(BARE, lab, seeds=1)
    frame = result.frame()
    assert (frame["raw"][frame["x0"] > 0] == -Y.min()).all()
    assert set(frame["fault"]) == {"infeasible", ""}


def test_all_designs_may_be_infeasible():
    scores = OracleEvaluation().score(X[:3], task(lambda x: np.full(len(x), -np.inf)))
    assert scores["raw"].tolist() == [Y.min()] * 3
    assert scores["fault"] == ["infeasible"] * 3


def noisy(designs, key):
    return -(designs**2).sum(1) + np.random.default_rng(key).normal(size=len(designs))


class Noisy:
    def score(self, designs, key):
        return noisy(designs, key)


@pytest.mark.parametrize("oracle", [noisy, Noisy(), OracleSet({"a": noisy, "b": Noisy()})], ids=["plain", "one", "set"])
def test_noise_follows_from_the_seed(oracle, tmp_path):
    first = mbo.run(BARE, task(oracle), seeds=[0, 3], out=tmp_path / "run")
    alone = mbo.run(BARE, task(oracle), seeds=[3])
    assert (first.trials[3].scores["raw"] == alone.trials[3].scores["raw"]).all()
    assert (first.trials[3].scores["raw"] != first.trials[0].scores["raw"]).all()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["noisy_oracle"] is True
    assert any("the oracle is noisy" in note.text for note in first.notes)


def test_a_noisy_oracle_is_turned_too():
    lab = Task("lab", X, -Y, minimize=True, oracle=lambda x, key: -noisy(x, key))
    plain = mbo.run(BARE, task(noisy), seeds=1).trials[0].scores["raw"]
    assert (mbo.run(BARE, lab, seeds=1).trials[0].scores["raw"] == -plain).all()


def test_repeats_of_a_noisy_oracle_are_averaged():
    """Their spread is recorded."""
    once = mbo.run(BARE, task(noisy), seeds=1).frame()
    many = mbo.run(BARE, task(noisy), seeds=1, set=["evaluation.repeats=100"]).frame()
    true = -(many[["x0", "x1"]] ** 2).sum(axis=1)
    assert abs(many["raw"] - true).max() < 0.5 < abs(once["raw"] - true).max()
    width = Y.max() - Y.min()
    assert many["measurement_std"].between(0.6 / width, 1.4 / width).all()
    assert "measurement_std" not in once


class Counted:
    noisy = False
    costly = False

    def __init__(self) -> None:
        self.asked: list[int] = []

    def score(self, designs):
        self.asked.append(len(designs))
        return designs.sum(1)


@pytest.mark.parametrize(
    ("attributes", "sets", "asked"),
    [
        ({}, [], [2, 8]),
        ({}, ["evaluation.repeats=3"], [2, 8]),
        ({"noisy": True}, ["evaluation.repeats=3"], [2, 8, 8, 8]),
        ({"costly": True}, [], [8]),
    ],
)
def test_an_oracle_says_what_it_is(attributes, sets, asked):
    oracle = Counted()
    vars(oracle).update(attributes)
    mbo.run(BARE, task(oracle), seeds=1, set=sets)
    mbo.run(BARE, Task("turned", X, Y, oracle=oracle, minimize=True), seeds=1, set=sets)
    assert oracle.asked == asked * 2


def exits(designs):
    raise SystemExit(0)


BAD = {
    "a column": (lambda x: x[:, :1], r"scores of shape \(2, 1\) for 2 designs"),
    "one number": (lambda x: 3.0, r"scores of shape \(\) for 2 designs"),
    "nothing": (lambda x: None, "lab"),
    "texts": (lambda x: ["a"] * len(x), "could not convert"),
    "nan": (lambda x: x[:, 0] * np.nan, "scored design 0 as nan"),
    "infinity": (lambda x: x[:, 0] + np.inf, "scored design 0 as inf"),
    "raises": (lambda x: x / "a", "cannot score rows of its own data: .*TypeError"),
    "exits": (exits, "tried to end the program: SystemExit: 0"),
    "no argument": (lambda: 1, "TypeError"),
}


@pytest.mark.parametrize(("oracle", "message"), BAD.values(), ids=BAD)
def test_a_bad_oracle_is_refused_before_training(oracle, message):
    steps: list[str] = []
    with pytest.raises(mbo.TaskError, match=message) as raised:
        mbo.run(BARE, task(oracle), seeds=1, report=lambda phase, *_: steps.append(phase))
    assert raised.value.hint == "fix the oracle; nothing was trained yet"
    assert set(steps) == {"encode"}


REFUSED = {
    "y_min": ({"y_min": np.inf}, "y_min=inf and y_max=None are not both finite"),
    "y_max": ({"y_max": np.nan}, "are not both finite"),
    "text": ({"y_max": "1"}, "y_max is '1'"),
    "cells": ({"cells": "SMILES"}, "cells is of type str"),
    "score": ({"oracle": type("Odd", (), {"score": 3})()}, "`score` of the oracle is of type int"),
    "members": ({"oracle": OracleSet({})}, "the set of oracles has no member"),
    "a member": ({"oracle": OracleSet({"a": 3})}, "oracle 'a': the oracle is of type int"),
    "no member": ({"oracle": OracleSet({"a": None})}, "member 'a' of the set of oracles is None"),
}


@pytest.mark.parametrize(("named", "message"), REFUSED.values(), ids=REFUSED)
def test_a_task_that_cannot_be_is_refused(named, message):
    with pytest.raises(mbo.TaskError, match=message) as raised:
        Task("lab", X, Y, **named)
    assert raised.value.hint


@pytest.mark.parametrize("name", ["", "  ", None, 5, "a\nb", "a\x1b[2Jb"])
def test_a_task_has_a_name(name):
    with pytest.raises(mbo.TaskError, match="name of the task is"):
        Task(name, X, Y)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"alphabet": ["A", "A"]}, 'duplicate letter "A"'),
        ({"alphabet": ["C", "N", "Cl"]}, 'letter "C" of column "design" starts "Cl"'),
        ({"alphabet": ["", "A"]}, 'letter "" of column "design" is empty'),
        ({"alphabet": ["A", 3]}, "letter 3 is of type int"),
        ({"alphabet": []}, 'column "design" has no letter'),
        ({"classes": 2.5}, "classes=2.5"),
        ({"classes": True}, "classes=True"),
        ({"classes": 0}, "classes=0"),
        ({"classes": "4"}, "classes='4'"),
    ],
)
def test_an_alphabet_that_cannot_be_is_refused(named, message):
    with pytest.raises(mbo.TaskError, match=message):
        Space.discrete(4, **named)


def test_letters_of_several_signs_may_be_told_apart():
    assert Space.discrete(2, alphabet=["[C]", "[Cl]"]).cells(np.array([0, 1])) == {"design": "[C][Cl]"}


class Shaky:
    """A noisy simulator, of which one draw of the first design fails."""

    noisy = True

    def __init__(self):
        self.draws = 0

    def score(self, designs):
        return self.judge(designs).scores

    def judge(self, designs):
        self.draws += 1
        failed = self.draws == 2
        scores = np.arange(1.0, 1 + len(designs)) + 0.1 * self.draws
        return Verdict(np.where((np.arange(len(designs)) == 0) & failed, -5.0, scores), {0: "lost"} if failed else {})


def test_a_failed_draw_is_not_averaged():
    scores = OracleEvaluation(repeats=3).score(X[:2], Task("lab", X, Y, oracle=Shaky()))
    assert scores["raw"].tolist() == [-5.0, pytest.approx(2.2)]
    assert scores["fault"] == ["lost", ""]
    assert scores["measurement_std"][0] == 0


def test_faults_of_any_of_several_oracles_are_told():
    both = OracleSet({"a": lambda x: x[:, 0], "b": lambda x: np.where(np.arange(len(x)) == 1, -np.inf, 0.0)})
    assert OracleEvaluation().score(X[:2], Task("lab", X, Y, oracle=both))["fault"] == ["", "infeasible"]


def test_a_simulator_takes_no_key():
    class Keyed(Shaky):
        def score(self, designs, key):
            return designs[:, 0]

    with pytest.raises(mbo.TaskError, match="takes a key"):
        Task("lab", X, Y, oracle=Keyed())
