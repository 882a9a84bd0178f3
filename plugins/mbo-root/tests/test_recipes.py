"""The shipped recipe holds the published constants, and runs on every kind of space."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved, small_task

UPDATE = {
    "use": "transport",
    "candidates": 128,
    "epochs": 100,
    "steps": 200,
    "rows": 2000,
    "functions": 8,
    "tune": False,
    "lengthscale": 1.0,
    "variance": 1.0,
    "noise": 0.01,
    "spread": 0.25,
    "points": 1024,
    "pair_steps": 100,
    "step_size": 1e-3,
    "least_rise": 1e-3,
    "validation": 0.1,
    "dropped": 0.15,
    "hidden": [1024, 1024, 1024],
    "learning_rate": 1e-3,
    "patience": 200,
    "batch_size": 128,
    "average": 0.995,
    "average_from": 4000,
    "target": 1.0,
    "guidance": -1.5,
    "swapped": True,
    "randomness": 0.2,
}
DISCRETE = {"lengthscale": 6.25, "variance": 6.25, "spread": 0.04, "step_size": 0.05}
RECOMMENDED = {"tune": True, "spread": 0.25, "guidance": 0.0, "swapped": False}
SMALL = ["candidates=10", "epochs=10", "steps=10", "functions=2", "points=40", "pair_steps=20", "hidden=[32]"]


class Sum:
    """A stand-in for the truth."""

    def score(self, designs):
        return designs.sum(1).astype(float)


def run(task, *sets, seeds=1, **options):
    return mbo.run("root", task, seeds=seeds, set=[f"update.{each}" for each in (*SMALL, *sets)], **options)


@pytest.mark.parametrize(("kind", "own"), [("continuous", {}), ("discrete", DISCRETE)])
def test_the_constants_are_the_published_ones(kind, own):
    recipe = resolved("root", kind)
    assert written(recipe.update) == {**UPDATE, **own}
    assert written(recipe.proxy) == written(recipe.adversary) == {"use": "none"}


@pytest.mark.parametrize("kind", ["continuous", "discrete"])
def test_the_recommended_preset_departs_where_it_says(kind):
    base, better = (written(resolved("root", kind, preset=preset).update) for preset in (None, "recommended"))
    assert better == {**base, **RECOMMENDED}


def test_the_published_scores():
    published = resolved("root", "discrete").published
    assert {task: scores["100th"][0] for task, scores in published.items()} == {
        "TFBind8-Exact-v0": 0.986,
        "TFBind10-Exact-v0": 0.685,
        "Superconductor-RandomForest-v0": 0.525,
    }


def test_candidates_are_better_than_the_data():
    task = small_task("continuous", oracle=Sum())
    result = run(
        task, "tune=true", "step_size=0.1", "guidance=0.0", "swapped=false", "average=0.0", "learning_rate=0.01"
    )
    assert result.failed == {}
    assert result.trials[0].scores["raw"].mean() > np.sort(task.y)[-10:].mean()


def test_a_seed_is_the_same_among_others():
    task = small_task("continuous")
    together = run(task, "epochs=2", seeds=3)
    assert np.array_equal(run(task, "epochs=2", seeds=[2]).trials[2].raw, together.trials[2].raw)
    assert not np.array_equal(together.trials[0].raw, together.trials[2].raw)


def test_constant_scores_break_down_with_a_note():
    x = np.random.default_rng(0).normal(size=(30, 3))
    result = run(mbo.Task("constant", x, np.ones(30)), "epochs=2")
    assert result.failed == {}
    assert any("the search broke down" in note.text for note in result.notes)
