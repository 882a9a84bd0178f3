"""The shipped recipes hold the published constants, and run on either kind of task."""

from __future__ import annotations

import re

import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved, small_task

PROXY = {
    "use": "ensemble",
    "members": 5,
    "bootstrap": True,
    "shuffle": "shared",
    "hidden": [256],
    "activation": "leaky-relu",
    "bounds": "trained",
    "learning_rate": 1e-3,
    "epochs": 100,
    "batch_size": 100,
    "held_out": 200,
    "keep": "last",
    "refit": False,
}
UPDATE = {
    "use": "bo-qei",
    "candidates": 128,
    "rounds": 10,
    "batch": 32,
    "rows": 500,
    "noise": 0.1,
    "target_noise": "fixed",
    "samples": 128,
    "restarts": 10,
    "raw_samples": 128,
    "iterations": 200,
    "at_once": 5,
    "precision": "float32",
    "dataset_designs": False,
}
QUICK = {"rounds": 4, "rows": 200, "restarts": 2, "raw_samples": 32, "iterations": 20}
ENCODING = {
    "continuous": {"use": "standardised"},
    "discrete": {"use": "soft-logits", "mass": 0.6, "reference": "first", "standardise": True},
}
CHEMBL = "ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0"
SMALL = ("proxy.hidden=[16]", "proxy.epochs=5", "proxy.held_out=20")
FEW = [
    f"update.{option}"
    for option in ("candidates=8", "rounds=2", "batch=4", "rows=20", "raw_samples=4", "iterations=3", "samples=8")
]


@pytest.mark.parametrize("kind", ENCODING)
def test_the_constants_are_the_published_ones(kind):
    recipe = resolved("bo-qei", kind)
    assert written(recipe.encoding) == ENCODING[kind]
    assert written(recipe.adversary) == {"use": "none"}
    assert written(recipe.proxy) == PROXY
    assert written(recipe.update) == UPDATE


def test_molecules_have_constants_of_their_own():
    recipe = resolved("bo-qei", "discrete", task=CHEMBL)
    assert written(recipe.proxy) == {**PROXY, "hidden": [2048], "learning_rate": 3e-4, "held_out": 100}
    assert written(recipe.update) == {**UPDATE, "rows": 128}


def test_the_published_scores():
    published = {task: scores["100th"] for task, scores in resolved("bo-qei", "continuous").published.items()}
    assert published == {"TFBind8-Exact-v0": [0.798, 0.083], "Superconductor-RandomForest-v0": [0.402, 0.034]}
    assert resolved("bo-qei-on-grad-mean", "continuous").published == {}


@pytest.mark.parametrize("kind", ENCODING)
def test_mix_uses_uncertainty_of_grad_ascent_mean(kind):
    mix, climbed = resolved("bo-qei-on-grad-mean", kind), resolved("grad-ascent-mean", kind)
    assert written(mix.encoding) == written(climbed.encoding)
    assert written(mix.proxy) == written(climbed.proxy)
    assert written(mix.update) == {**UPDATE, "target_noise": "uncertainty"}


@pytest.mark.parametrize("kind", ENCODING)
def test_the_quick_presets_search_less(kind):
    quick = resolved("bo-qei", kind, preset="quick")
    assert written(quick.proxy) == {**PROXY, "epochs": 10}
    assert written(quick.update) == {**UPDATE, **QUICK}
    mix = resolved("bo-qei-on-grad-mean", kind, preset="quick")
    assert mix.proxy.hidden == (256, 256)
    assert written(mix.update) == {**UPDATE, **QUICK, "target_noise": "uncertainty"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENCODING)
@pytest.mark.parametrize("name", ["bo-qei", "bo-qei-on-grad-mean"])
def test_candidates_are_designs_inside_the_data(name, kind):
    task = small_task(kind)
    result = mbo.run(name, task, seeds=2, preset="quick", set=[*SMALL, *FEW])
    assert result.failed == {}
    for trial, designs in zip(result.trials.values(), result.designs, strict=True):
        assert designs.shape == (8, 6)
        task.table.check(designs)
        if kind == "continuous":
            assert (designs >= task.x.min(0) - 1e-5).all()
            assert (designs <= task.x.max(0) + 1e-5).all()
        steps = [step for step in trial.steps if step["phase"] == "search"]
        assert [step["stopped"] for step in steps] == [0, 0]


@pytest.mark.parametrize(
    ("sets", "fact"),
    [
        (["update.restarts=200"], "restarts=200 exceeds raw_samples=128"),
        (["update.rounds=3"], "propose fewer than candidates=128"),
        (["update.noise=0"], "below 0.01"),
        (["proxy.use=none"], 'needs a proxy with "values"'),
        (["proxy.use=regression", "update.target_noise=uncertainty"], 'needs a proxy with "uncertainty"'),
    ],
)
def test_what_does_not_fit_is_refused(sets, fact):
    with pytest.raises(mbo.RecipeError, match=re.escape(fact)):
        mbo.run("bo-qei", small_task("continuous"), seeds=1, set=sets)
