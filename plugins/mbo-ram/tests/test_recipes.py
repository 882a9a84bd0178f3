"""The shipped recipes hold the published constants, and run on every kind of task."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved, small_task

NAMES = ["ram", "ram-cosine", "ram-coms", "ram-weight-ascent"]
PROXY = {
    "use": "ranking",
    "loss": "listnet",
    "list_length": 1000,
    "lists": 128,
    "augment": True,
    "overestimation_limit": 0.5,
    "initial_multiplier": 0.1,
    "multiplier_learning_rate": 0.01,
    "hidden": [2048, 2048],
    "activation": "relu",
    "learning_rate": 3e-4,
    "weight_decay": 1e-5,
    "steps": 12600,
    "held_out": 0,
    "keep": "last",
    "refit": False,
}
UPDATE = {
    "use": "gradient-ascent",
    "candidates": 128,
    "steps": 200,
    "step_size": 1e-3,
    "optimiser": "adam",
    "objective": {"use": "prediction"},
    "aggregation": "mean",
    "entropy_weight": 0.0,
}
PUBLISHED = {
    "continuous": ({"use": "standardised"}, PROXY, UPDATE),
    "discrete": (
        {"use": "soft-logits", "mass": 0.6, "reference": "first", "standardise": True},
        {**PROXY, "overestimation_limit": 2.0},
        {**UPDATE, "steps": 100, "step_size": 0.1},
    ),
}
SMALL = ("proxy.hidden=[16]", "proxy.list_length=32", "proxy.learning_rate=0.01", "proxy.steps=100")


class Sum:
    """A stand-in for the truth."""

    def score(self, designs):
        return designs.sum(1).astype(float)


def parts(name: str, kind: str) -> dict[str, dict]:
    return {role: written(stage) for role, stage in resolved(name, kind).stages().items()}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_constants_are_the_published_ones(kind):
    found = parts("ram", kind)
    assert (found["encoding"], found["proxy"], found["update"]) == PUBLISHED[kind]
    assert found["adversary"] == {"use": "none"}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_second_method_differs_in_its_loss(kind):
    one, other = parts("ram", kind), parts("ram-cosine", kind)
    assert other == {**one, "proxy": {**one["proxy"], "loss": "rank-cosine"}}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_mix_with_coms_has_its_constants(kind):
    mix, coms = parts("ram-coms", kind), parts("coms", kind)
    assert {**mix, "proxy": None} == {**coms, "proxy": None}
    shared = coms["proxy"].keys() & mix["proxy"].keys() - {"use"}
    assert {"overestimation_limit", "hidden", "epochs", "held_out"} <= shared
    assert all(mix["proxy"][name] == coms["proxy"][name] for name in shared)
    assert mix["proxy"]["list_length"] == coms["proxy"]["batch_size"]


def test_the_published_scores():
    published = {name: resolved(name, "discrete").published for name in NAMES}
    assert published["ram"]["TFBind8-Exact-v0"]["100th"] == [0.981, 0.012]
    assert published["ram-cosine"]["TFBind10-Exact-v0"]["100th"] == [0.675, 0.049]
    assert published["ram-coms"] == published["ram-weight-ascent"] == {}


RUNS = [
    pytest.param(name, kind, marks=() if name == "ram" and kind == "continuous" else pytest.mark.slow)
    for name in NAMES
    for kind in PUBLISHED
]


@pytest.mark.parametrize(("name", "kind"), RUNS)
def test_candidates_are_better_than_the_data(name, kind):
    task = small_task(kind, oracle=Sum())
    few = ["proxy.lists=1", "proxy.initial_multiplier=0", *SMALL, "update.candidates=20", "update.steps=50"]
    result = mbo.run(name, task, seeds=2, set=few)
    assert result.failed == {}
    assert all(trial.predicted is None for trial in result.trials.values())
    assert all(np.isfinite(designs).all() for designs in result.designs)
    starts = np.sort(task.y)[-20:].mean()
    for trial in result.trials.values():
        assert trial.scores["raw"].mean() > starts


@pytest.mark.parametrize("use", ["update.use=bo-qei", "update.objective.use=near-data"])
def test_what_needs_scores_is_refused(use):
    with pytest.raises(mbo.RecipeError, match='needs a proxy with "values", which "ranking" lacks') as refused:
        mbo.run("ram", small_task("continuous"), seeds=1, set=[use])
    assert "regression" in str(refused.value)
