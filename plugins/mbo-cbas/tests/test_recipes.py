"""The shipped recipes hold the published constants, and the README says what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
NAMES = ["cbas", "autofocused-cbas", "cbas-on-grad-mean"]
CHEMBL = "ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0"

PROXY = {
    "use": "ensemble",
    "members": 5,
    "bootstrap": True,
    "shuffle": "shared",
    "hidden": [256],
    "activation": "leaky-relu",
    "bounds": "trained",
    "learning_rate": 3e-4,
    "epochs": 100,
    "batch_size": 100,
    "held_out": 200,
    "keep": "last",
    "refit": False,
}
CBAS = {
    "use": "cbas",
    "candidates": 128,
    "iterations": 20,
    "samples": 1000,
    "samples_held_out": 200,
    "quantile": 0.8,
    "monotone": False,
    "weighting": "cbas",
    "rate": 20.0,
    "cut_off": 0.0,
    "normalise": False,
    "latent": 32,
    "hidden": [256],
    "beta": 1.0,
    "encoder_std": "softplus",
    "learning_rate": 3e-4,
    "batch_size": 100,
    "prior_epochs": 200,
    "held_out": 200,
    "epochs": 10,
}
AUTOFOCUS = {
    "use": "autofocus",
    "inner": CBAS,
    "flatten": 1.0,
    "latent": "prior",
    "order": "after",
    "epochs": 10,
    "normalise": False,
    "unusable": "drop",
    "skip_below": 1e-8,
}
WIDE = {**PROXY, "shuffle": "own", "hidden": [2048, 2048], "batch_size": 128}
PUBLISHED = {"cbas": (PROXY, CBAS), "autofocused-cbas": (PROXY, AUTOFOCUS), "cbas-on-grad-mean": (WIDE, CBAS)}


@pytest.mark.parametrize(("kind", "encoding"), [("continuous", "standardised"), ("discrete", "one-hot")])
@pytest.mark.parametrize("name", NAMES)
def test_the_constants_are_the_published_ones(name, kind, encoding):
    recipe = resolved(name, kind)
    assert written(recipe.encoding) == {"use": encoding}
    assert written(recipe.adversary) == {"use": "none"}
    assert (written(recipe.proxy), written(recipe.update)) == PUBLISHED[name]


@pytest.mark.parametrize("task", [None, CHEMBL])
def test_mix_has_the_ensemble_of_grad_ascent_mean(task):
    mix, method = (resolved(name, "discrete", task) for name in ("cbas-on-grad-mean", "grad-ascent-mean"))
    assert written(mix.proxy) == written(method.proxy)


@pytest.mark.parametrize(
    ("task", "proxy", "update", "beta"),
    [
        ("TFBind10-Exact-v0", {}, {"prior_epochs": 100}, {}),
        (CHEMBL, {"hidden": [2048], "epochs": 50}, {"hidden": [2048], "prior_epochs": 50}, {"beta": 10.0}),
        ("TFBind8-Exact-v0", {}, {}, {}),
    ],
)
def test_two_tasks_have_constants_of_their_own(task, proxy, update, beta):
    plain, focused = (resolved(name, "discrete", task) for name in NAMES[:2])
    assert written(plain.proxy) == written(focused.proxy) == {**PROXY, **proxy}
    assert written(plain.update) == {**CBAS, **update}
    assert written(focused.update) == {**AUTOFOCUS, "inner": {**CBAS, **update, **beta}}


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_preset_trains_less(name):
    base, quick = (resolved(name, preset=preset) for preset in (None, "quick"))
    assert quick.proxy.epochs == 10
    search, published = (getattr(one.update, "inner", one.update) for one in (quick, base))
    assert written(search) == {**written(published), "prior_epochs": 20}


@pytest.mark.parametrize(
    ("name", "letters", "superconductor"),
    [("cbas", [0.927, 0.051], [0.503, 0.069]), ("autofocused-cbas", [0.910, 0.044], [0.421, 0.045])],
)
def test_the_published_scores(name, letters, superconductor):
    published = resolved(name).published
    assert published["TFBind8-Exact-v0"]["100th"] == letters
    assert published["Superconductor-RandomForest-v0"]["100th"] == superconductor


def test_a_mix_claims_no_published_score():
    assert resolved("cbas-on-grad-mean").published == {}


def test_the_readme_shows_the_refusal_word_for_word():
    with pytest.raises(mbo.RecipeError) as refused:
        mbo.run("cbas", mbo.Task("numbers", [[0.0], [1.0]], [0.0, 1.0]), seeds=1, set=["proxy.use=conservative"])
    assert refused.value.message in README
