"""The shipped recipes hold the published constants, and the README says what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
NAMES = ["reinforce", "reinforce-weight-ascent"]
SUPERCONDUCTOR = "Superconductor-RandomForest-v0"
CHEMBL = "ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0"
KINDS = [("continuous", "standardised", 2048), ("discrete", "one-hot", 256)]

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
    "use": "reinforce",
    "candidates": 128,
    "starts": 128,
    "iterations": 200,
    "samples": 2048,
    "learning_rate": 0.01,
    "exploration_std": 0.1,
    "smoothing": 0.0,
    "discrete_gradient": "reinforce",
}


@pytest.mark.parametrize(("kind", "encoding", "samples"), KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_the_constants_are_the_published_ones(name, kind, encoding, samples):
    recipe = resolved(name, kind)
    assert written(recipe.encoding) == {"use": encoding}
    assert written(recipe.proxy) == PROXY
    assert written(recipe.update) == {**UPDATE, "samples": samples}


def test_two_tasks_have_constants_of_their_own():
    hopper, chembl = resolved("reinforce", task="HopperController-Exact-v0"), resolved("reinforce", "discrete", CHEMBL)
    assert written(hopper.proxy) == PROXY
    assert written(hopper.update) == {**UPDATE, "learning_rate": 0.1}
    assert written(chembl.proxy) == {**PROXY, "hidden": [2048], "learning_rate": 3e-4, "epochs": 50, "held_out": 100}
    assert written(chembl.update) == {**UPDATE, "samples": 256, "learning_rate": 1.0}


@pytest.mark.parametrize(
    ("kind", "task", "radius"),
    [("continuous", None, 5e-3), ("discrete", None, 5e-4), ("continuous", SUPERCONDUCTOR, 5e-4)],
)
def test_mix_has_the_adversary_of_roma(kind, task, radius):
    assert written(resolved("reinforce", kind, task).adversary) == {"use": "none"}
    mix, roma = (resolved(name, kind, task).adversary for name in ("reinforce-weight-ascent", "roma"))
    assert written(mix) == written(roma)
    assert mix.radius == radius


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_preset_trains_less_and_searches_alike(name):
    base, quick = (resolved(name, preset=preset) for preset in (None, "quick"))
    assert written(quick.proxy) == {**PROXY, "epochs": 10}
    assert quick.update.iterations == base.update.iterations
    if name == "reinforce-weight-ascent":
        assert (base.adversary.steps, quick.adversary.steps) == (20, 5)


def test_the_published_scores():
    published = resolved("reinforce").published
    assert published["TFBind8-Exact-v0"]["100th"] == [0.948, 0.028]
    assert "as-published" in published["TFBind8-Exact-v0"]["source"]
    assert published[SUPERCONDUCTOR]["100th"] == [0.481, 0.013]


def test_a_mix_claims_no_published_score():
    assert resolved("reinforce-weight-ascent").published == {}


def test_the_readme_shows_the_refusal_word_for_word():
    with pytest.raises(mbo.RecipeError) as refused:
        mbo.run("reinforce", mbo.Task("numbers", [[0.0], [1.0]], [0.0, 1.0]), seeds=1, set=["proxy.use=none"])
    assert refused.value.message in README
