"""What the core tells people about the candidates of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from mbo_grad_ascent.proxy import Regression

import mbo_core as mbo
from mbo_core.runs.findings import Found, findings
from mbo_core.runs.store import Folder
from mbo_core.stages import Prediction, Proxy, Schedule, Update, option, top

X = np.arange(20.0).reshape(10, 2)
Y = np.linspace(0.0, 9.0, 10)
TABLE = mbo.Task("mine", X, Y, space=mbo.Space.continuous(2, ("pH", "heat"))).table
BEST = X[::-1]


class Walked(NamedTuple):
    x: torch.Tensor
    proxy: Any


@dataclass(frozen=True, kw_only=True)
class Walk(Update):
    """Moves every start by the same distance in each step, or onto the best of them."""

    distance: float = option(0.0, "of a step")
    gather: bool = option(False, "all on one design")
    steps: int = option(1, "number of steps")

    name: ClassVar[str] = "walk"
    needs = frozenset()

    def length(self, data):
        return self.steps

    def init(self, key, data, proxy_state):
        return Walked(top(data, 4), proxy_state)

    def step(self, key, state, data, number):
        x = state.x[:1].expand(4, -1) if self.gather else state.x
        return state._replace(x=x + self.distance), {}

    def designs(self, state):
        return state.x


@dataclass(frozen=True, kw_only=True)
class Wild(Proxy):
    """Predicts a constant."""

    score: float = option(0.0, "the standardised score that it predicts")

    name = "wild"
    abilities = frozenset({"values"})

    def schedule(self, data):
        return Schedule(0, 1)

    def init(self, key, data):
        return torch.zeros(1)

    def predict(self, state, x):
        return Prediction(torch.full_like(x[:, 0], self.score), torch.zeros_like(x[:, 0]))


def told(update: Update, proxy: Proxy | None = None, seeds: int = 2) -> list[tuple[int | None, str]]:
    task = mbo.Task("mine", X, Y, space=TABLE.space)
    recipe = mbo.Recipe(update=update, **({"proxy": proxy} if proxy else {}))
    return [(note.seed, note.text) for note in mbo.run(recipe, task, seeds=seeds).notes if note.source == "search"]


def test_a_search_that_goes_nowhere_is_told():
    still = "none of 4 candidates left its start: is the step size meant for this space?"
    repeats = "0 of 8 candidates repeat another of the same seed, 8 repeat the data"
    assert told(Walk()) == [(None, repeats), (0, still), (1, still)]
    assert (0, still) in told(Walk(distance=1e-8))
    assert (0, still) not in told(Walk(distance=-1e-2))


def test_without_a_search_candidates_are_rows():
    assert told(Walk(steps=0)) == []


def test_candidates_outside_the_data_are_told():
    """In standard deviations of the column that they leave farthest."""
    [(seed, text)] = told(Walk(distance=3.0))
    assert seed is None
    assert text == "8 of 8 candidates lie outside the range of the data, by up to 3 standard deviations in column pH"


def test_the_range_is_left_only_beyond_rounding():
    rounded = np.nextafter(BEST[:3].astype(np.float32), np.float32(99)).astype(float)
    assert not findings(TABLE, {0: Found(rounded, None)}, searched=False)
    [note] = findings(TABLE, {0: Found(BEST[:3] + np.array([0, 0.1]), None)}, searched=False)
    assert note.text.startswith("1 of 3 candidates lie outside")
    assert note.text.endswith("by up to 0.0174 standard deviations in column heat")


def test_a_constant_column_is_its_own_unit():
    table = mbo.Task("mine", [[5.0, 1], [5.0, 2]], [1.0, 2]).table
    [note] = findings(table, {0: Found(np.array([[10.0, 2]]), None)}, searched=False)
    assert "by up to 1 standard deviations in column x0" in note.text


@pytest.mark.parametrize(("score", "times"), [(9.0, "2.37"), (-9.0, "2.37"), (4.0, None)])
def test_predictions_far_beyond_the_scores_are_told(score, times):
    """The width of the scores is 9, their standard deviation 2.87."""
    texts = [text for _, text in told(Walk(distance=-0.1), Wild(score=score)) if "predicted" in text]
    fact = "8 of 8 predicted scores lie beyond the range of the scores by more than its width, by up to {} times"
    assert texts == ([fact.format(times)] if times else [])


def test_candidates_that_repeat_each_other_are_told():
    repeats = "6 of 8 candidates repeat another of the same seed, 0 repeat the data"
    assert (None, repeats) in told(Walk(gather=True, distance=-0.1))


def test_tokens_are_compared_too():
    tokens = np.array([[0, 1], [1, 1], [2, 0]])
    table = mbo.Task("mine", tokens, [1.0, 2, 3], space=mbo.Space.discrete(2, 3)).table
    found = findings(table, {3: Found(tokens[[2, 2]], None)}, searched=True)
    assert [note.seed for note in found] == [None, 3]
    assert found[0].text == "1 of 2 candidates repeat another of the same seed, 2 repeat the data"
    assert not findings(table, {3: Found(np.array([[2, 1]]), None)}, searched=True)


def test_a_sound_search_needs_no_note():
    inside = np.array([[2.5, 4.5], [3.5, 7.5]])
    assert findings(TABLE, {0: Found(inside, np.array([1.0, 17.9]))}, searched=True) == []
    assert findings(TABLE, {}, searched=True) == []


def test_notes_are_recorded_once(tmp_path):
    """Over all groups of seeds."""
    task = mbo.Task("mine", X, Y)
    recipe = mbo.Recipe(proxy=Regression(hidden=(4,), epochs=1), update=Walk(distance=3.0))
    mbo.run(recipe, task, seeds=20, out=tmp_path / "run")
    notes = Folder(tmp_path / "run").load_record()["notes"]
    texts = [note["text"] for note in notes if "outside" in note["text"]]
    assert texts == [
        "80 of 80 candidates lie outside the range of the data, by up to 3 standard deviations in column x0"
    ]
