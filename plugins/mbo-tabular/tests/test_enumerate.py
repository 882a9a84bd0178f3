"""Every design of a small space is ranked; larger spaces are refused."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.tasks.columns import Category
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.numbers import Real, Whole
from mbo_core.tasks.space import Space

GRID = Space((Whole("a", (0, 9)), Category("b", tuple("xyz")), Real("c", (0.0, 1.0), step=0.25)))
RECIPE = {"encoding": {"use": "columns"}, "proxy": {"use": "ridge"}, "update": {"use": "enumerate"}}


def task_of(space: Space, visible: int) -> mbo.Task:
    every = space.enumerate()
    x = every[np.random.default_rng(0).permutation(len(every))[:visible]]
    return mbo.Task("grid", x, x @ np.arange(1.0, space.length + 1), space=space)


def test_the_best_untried_designs_are_proposed():
    task = task_of(GRID, 40)
    result = mbo.run(RECIPE, task, seeds=2, set=["update.candidates=12"])
    known = {row.tobytes() for row in task.x}
    untried = np.array([row for row in GRID.enumerate() if row.tobytes() not in known])
    for number, seed in enumerate(result.seeds):
        predicted = result.predict(untried).means[number]
        best = untried[np.argsort(-predicted, kind="stable")[:12]]
        assert np.array_equal(result.trials[seed].raw, best)
        assert result.trials[seed].steps[-1]["untried"] == 110


def test_constraints_are_kept():
    space = Space(tuple(Real(name, (0.0, 1.0), step=0.1) for name in "pqr"), (Linear.total("pqr", 1.0),))
    result = mbo.run(RECIPE, task_of(space, 30), seeds=1, set=["update.candidates=16"])
    assert space.contains(result.designs[0]).all()
    assert result.trials[0].steps[-1]["untried"] == 36


def test_rows_fill_up_where_too_few_are_left():
    result = mbo.run(RECIPE, task_of(GRID, 145), seeds=1, set=["update.candidates=8"])
    assert result.designs.shape[1] == 5
    assert any("5 of the 150 designs" in note.text for note in result.notes)
    tried = mbo.run(RECIPE, task_of(GRID, 150), seeds=1, set=["update.candidates=8"])
    assert tried.designs.shape[1] == 8


@pytest.mark.parametrize(
    ("space", "sets", "fact"),
    [
        (Space((Real("a", (0.0, 1.0)), Whole("b", (0, 3)))), [], "cannot be counted"),
        (GRID, ["update.most=100"], "150 designs, more than 100"),
    ],
)
def test_large_spaces_are_refused(space, sets, fact):
    x = space.repair(np.random.default_rng(1).uniform(0, 3, (20, space.length)))
    with pytest.raises(mbo.TaskError, match=fact) as refused:
        mbo.run(RECIPE, mbo.Task("big", x, np.arange(20.0), space=space, replicates="keep"), seeds=1, set=sets)
    assert "evolution" in refused.value.hint
