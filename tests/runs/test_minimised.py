"""Scores to be minimised are turned at the door and turned back for people; predictions are of the proposals."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.runs.encoded import encode_table
from mbo_core.stages.baselines import top
from mbo_core.stages.columns import Columns

SPACE = mbo.Space(
    (mbo.Real("a", (0, 1), step=0.25), mbo.Real("b", (0, 1), step=0.25), mbo.Real("heat", (0, 100), step=5)),
    (mbo.Linear.total(("a", "b"), 1.0),),
)
SMALL = ["proxy.epochs=5", "proxy.hidden=[16]", "update.steps=5", "update.step_size=1.0", "update.candidates=6"]
OTHER = np.random.default_rng(0).uniform(-1, 2, (40, 3)) * [1, 1, 100]
"""Mostly outside the space."""


def cost(x):
    return (x[:, 0] - 0.5) ** 2 + x[:, 2] / 100


def run(minimize: bool, folder=None) -> mbo.Result:
    sign = 1 if minimize else -1
    task = mbo.Task("oven", OTHER, sign * cost(OTHER), space=SPACE, minimize=minimize, oracle=lambda x: sign * cost(x))
    return mbo.run("grad-ascent", task, seeds=2, set=[*SMALL, 'encoding.use="columns"'], out=folder)


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    return run(True, tmp_path_factory.mktemp("runs") / "cost"), run(False)


def test_minimising_mirrors_maximising(mirrored):
    low, high = mirrored
    assert np.array_equal(low.designs, high.designs)
    assert low.scores["normalised"] == high.scores["normalised"]
    for of, raw in low.scores["raw"].items():
        np.testing.assert_allclose(raw, np.negative(high.scores["raw"][of]))
    assert low.best_in_data == {**high.best_in_data, "raw": -high.best_in_data["raw"]}
    for column in ("raw", "predicted"):
        np.testing.assert_allclose(low.frame()[column], -high.frame()[column])
    assert [note.text for note in low.notes if note.source == "search"] == [
        note.text for note in high.notes if note.source == "search"
    ]


def test_raw_scores_are_those_of_people(mirrored):
    low, _ = mirrored
    for seed, designs in enumerate(low.designs):
        np.testing.assert_allclose(low.trials[seed].scores["raw"], cost(designs))
        assert low.scores["raw"]["100th"][seed] == cost(designs).min()


def test_predictions_are_of_the_designs_as_proposed(mirrored):
    for result in mirrored:
        for seed, designs in enumerate(result.designs):
            told = result.predict(designs).means[seed]
            np.testing.assert_allclose(told, result.trials[seed].predicted, rtol=1e-5, atol=1e-6)


def test_a_stored_minimising_run_comes_back(mirrored):
    low, _ = mirrored
    again = mbo.load(low.folder)
    assert (again.task.sign, again.best_in_data, again.scores) == (-1, low.best_in_data, low.scores)
    np.testing.assert_array_equal(again.predict(low.designs[0]).mean, low.predict(low.designs[0]).mean)


def test_candidates_lie_in_the_space():
    """Here the space cannot be counted, so that nothing else replaces a design between steps."""
    wide = mbo.Space((*SPACE.columns, mbo.Real("flow", (0, 1))), SPACE.constraints)
    x = np.column_stack([OTHER, OTHER[:, 0]])
    task = mbo.Task("oven", x, cost(x), space=wide)
    result = mbo.run("grad-ascent", task, seeds=2, set=[*SMALL, 'encoding.use="columns"'])
    assert wide.contains(np.concatenate(list(result.designs))).all()


def test_searches_start_inside_the_space():
    task = mbo.Task("oven", OTHER, cost(OTHER), space=SPACE)
    data = encode_table(Columns(), (0,), task.table).first
    assert not SPACE.near(task.x).all()
    starts = encode_table(Columns(), (0,), task.table).encoding.decode(Columns().init(None, task.table), top(data, 12))
    assert SPACE.near(starts.numpy()).all()
