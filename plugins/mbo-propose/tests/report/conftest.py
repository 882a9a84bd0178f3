"""Batches that are made by hand, without any training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from mbo_propose.backtest import Backtest, Picks, Verdict, candidates
from mbo_propose.crossing import HeldOut
from mbo_propose.given import Given
from mbo_propose.record import Proposal, Proposals
from mbo_propose.spaces import rows
from mbo_propose.wishes import Wishes

from mbo_core.tasks.task import Task

FLAGS = ("close", "extrapolates", "do not trust")
TIERS = ("safe", "stretch", "explore")


@pytest.fixture
def frame():
    """A table of numbers and a category."""
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"heat": rng.integers(20, 90, 60), "acid": rng.uniform(0, 1, 60).round(2)})
    made["salt"] = rng.choice(["NaCl", "KBr", "none"], 60)
    made["score"] = (made["heat"] * 0.5 - 20 * (made["acid"] - 0.4) ** 2 + rng.normal(0, 2, 60)).round(1)
    return made


@pytest.fixture
def batch(frame):
    """A batch with all its parts."""
    return batch_of(frame)


@pytest.fixture
def batch_for():
    """What makes a batch of another table."""
    return batch_of


def batch_of(frame, count=6, target="score", minimize=False, unit="%"):
    """A batch of changed rows, their predictions made up."""
    task = Task("oven", frame, target=target, minimize=minimize, replicates="keep")
    given = Given(task, None, unit, np.arange(len(task.y)), task.x[:0], np.zeros(0, dtype=int))
    made = Proposals(Wishes(target=target, minimize=minimize, batch=max(count, 1)), given, rows(task.space, {}))
    made.recipe, made.unit, made.notes = "forest", unit, ["delimiter ';', decimal comma"]
    made.judged = Verdict("weakly", ("the rank correlation is 0.4",), (), None)
    made.helps = ["measure 12 more designs"]
    scores, rng = task.as_given(task.y), np.random.default_rng(1)
    known = np.arange(min(len(scores), 5000))
    held = scores[known] + rng.normal(0, 2, len(known))
    made.held_out = HeldOut(known, scores[known], held, np.full(len(known), 2.0))
    made.tested = _tested()
    made.trace = {seed: [{"phase": "search", "step": n, "best": 1 + n / 9 + seed} for n in range(9)] for seed in (0, 1)}
    made.x = task.x[np.argsort(-task.y)[:count]]
    made.spacing = (0.4, 1.5)
    made.proposals = [_proposal(made, place) for place in range(count)]
    return made


def _proposal(made, place):
    gain = 5.0 - place
    lower = None if place % 2 else made.best_tried
    predicted = made.best_tried + made.task.sign * gain
    flag, why = FLAGS[place % 3], "" if place % 3 == 0 else "a number beyond those tried"
    cells = made.task.cells(made.x[place])
    known = (predicted, 1.5, lower, 0.5 + place, 7 * place, 0.8, flag, TIERS[place % 3], why, gain)
    return Proposal(cells, *known)


def _tested():
    picks = {
        name: {repeat: Picks(gain + repeat / 20, 1.0, 0.5, 0.1) for repeat in range(4)}
        for name, gain in (("random", 0.0), ("forest", 0.5), ("nearest row", 0.2))
    }
    made = Backtest(candidates()[:2], 60, 24, 36, 7, 4, picks)
    return replace(made, left_out={"gp": "the time ended before it"})
