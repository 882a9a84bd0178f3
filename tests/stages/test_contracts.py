"""What the core calls on stages, with what, and what it does with the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.stages import Update, top

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


@pytest.mark.parametrize("lift", ["vmap", "loop"])
def test_a_search_gets_the_number_of_each_step(lift, monkeypatch):
    monkeypatch.setattr(Phases, "lift", lift)
    result = mbo.run(mbo.Recipe(update=Phases()), TASK, seeds=2)
    for trial in result.trials.values():
        assert trial.encoded.tolist() == [[111.0, 111.0]]
        assert [row["number"] for row in trial.steps] == [0, 1, 2]
