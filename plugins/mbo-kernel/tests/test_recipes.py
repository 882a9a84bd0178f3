"""The shipped recipes hold the published constants, and run on every kind of task."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved, small_task

PROXY = {
    "use": "kernel-ridge",
    "kernel": "ntk",
    "bias": False,
    "lengthscale": 1.0,
    "ridge": 1e-6,
    "tune": False,
    "rows": 2000,
}
OBJECTIVE = {
    "use": "bidirectional",
    "terms": "both",
    "target": 10.0,
    "kernel": "ntk",
    "bias": False,
    "lengthscale": 1.0,
    "ridge": 0.0,
    "emphasis": 0.0,
    "rows": 2000,
}
UPDATE = {
    "use": "gradient-ascent",
    "candidates": 128,
    "steps": 200,
    "step_size": 1e-3,
    "optimiser": "adam",
    "objective": OBJECTIVE,
    "aggregation": "mean",
    "entropy_weight": 0.0,
}
PUBLISHED = {
    "continuous": ({"use": "standardised"}, PROXY, UPDATE),
    "discrete": (
        {"use": "soft-logits", "mass": 0.6, "reference": "first", "standardise": True},
        PROXY,
        {**UPDATE, "step_size": 0.1},
    ),
}
NAMES = ["kernel-ascent", "bdi"]


class Sum:
    """A stand-in for the truth."""

    def score(self, designs):
        return designs.sum(1).astype(float)


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_constants_of_bdi_are_the_published_ones(kind):
    stages = resolved("bdi", kind).stages()
    assert tuple(written(stages[role]) for role in ("encoding", "proxy", "update")) == PUBLISHED[kind]


@pytest.mark.parametrize("preset", [None, "quick", "table", "recommended"])
@pytest.mark.parametrize("kind", PUBLISHED)
def test_both_directions_of_bdi_have_one_kernel(kind, preset):
    recipe = resolved("bdi", kind, preset=preset)
    one, other = (written(part) for part in (recipe.proxy, recipe.update.objective))
    assert all(one[name] == other[name] for name in ("kernel", "bias", "rows"))


def test_the_recommended_preset_departs_where_it_says():
    base, better = (resolved("bdi", "continuous", preset=preset) for preset in (None, "recommended"))
    assert written(better.proxy) == {**written(base.proxy), "bias": True, "ridge": 0.01, "tune": True}
    objective = {**OBJECTIVE, "bias": True}
    assert written(better.update) == {**UPDATE, "step_size": 0.02, "objective": objective}


def test_the_published_scores():
    published = resolved("bdi", "discrete").published
    assert {task: scores["100th"][0] for task, scores in published.items()} == {
        "TFBind8-Exact-v0": 0.973,
        "TFBind10-Exact-v0": 0.658,
        "Superconductor-RandomForest-v0": 0.508,
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["continuous", pytest.param("discrete", marks=pytest.mark.slow)])
def test_candidates_are_better_than_the_data(name, kind):
    task = small_task(kind, oracle=Sum())
    result = mbo.run(name, task, seeds=2, set=["update.candidates=20", "update.step_size=0.1", "update.steps=40"])
    assert result.failed == {}
    starts = np.sort(task.y)[-20:].mean()
    for trial in result.trials.values():
        assert trial.scores["raw"].mean() > starts


def test_all_rows_give_every_seed_the_same_designs():
    """There is no randomness where no row is left out."""
    one, other = mbo.run("bdi", small_task("continuous"), seeds=2, set=["update.steps=5"]).designs
    assert np.array_equal(one, other)
