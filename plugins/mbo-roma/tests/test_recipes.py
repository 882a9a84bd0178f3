"""The shipped recipes hold the published constants, and run on numbers and on letters."""

from __future__ import annotations

import re

import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved

SUPERCONDUCTOR = "Superconductor-RandomForest-v0"
NAMES = ["roma", "coms-weight-ascent", "coms-local-adaptation"]
KINDS = ["continuous", "discrete"]
PRESETS = ["quick", "logits", "paper"]

ADVERSARY = {"use": "weight-ascent", "radius": 5e-3, "steps": 20, "biases": True}
PROXY = {
    "use": "smooth",
    "loss": "nll",
    "bounds": "trained",
    "input_noise": 0.2,
    "clip_norm": 1.0,
    "hidden": [64, 64],
    "learning_rate": 1e-3,
    "epochs": 50,
    "batch_size": 128,
    "held_out": 200,
    "keep": "last",
    "refit": False,
}
UPDATE = {
    "use": "local-adaptation",
    "candidates": 128,
    "steps": 500,
    "step_size": 3e-3,
    "ascent": "adam",
    "radius": 5e-3,
    "adaptation_steps": 100,
    "adaptation": "shared",
    "consistency": "nll",
    "consistency_weight": 1.0,
    "biases": True,
    "gain_cap": 4.0,
    "first_target": "labels",
}
AUTOENCODER = {
    "use": "latent",
    "latent": 32,
    "hidden": [256],
    "beta": 1.0,
    "learning_rate": 1e-3,
    "epochs": 200,
    "batch_size": 128,
    "held_out": 200,
    "drop_last": True,
    "codes": "sample",
}
PAPER = {
    "ascent": "plain",
    "adaptation": "per-candidate",
    "consistency": "squared",
    "biases": False,
    "gain_cap": "none",
    "first_target": "prediction",
}


def differences(table, published):
    return {key: value for key, value in table.items() if published.get(key) != value}


def test_the_constants_are_the_published_ones():
    recipe = resolved("roma", "continuous")
    assert written(recipe.encoding) == {"use": "standardised"}
    assert written(recipe.adversary) == ADVERSARY
    assert written(recipe.proxy) == PROXY
    assert written(recipe.update) == UPDATE


@pytest.mark.parametrize(
    ("task", "adversary", "proxy", "update"),
    [
        (SUPERCONDUCTOR, {"radius": 5e-4}, {"held_out": 500}, {"radius": 5e-4}),
        ("DKittyMorphology-Exact-v0", {}, {}, {}),
        ("AntMorphology-Exact-v0", {}, {"epochs": 100}, {}),
        ("HopperController-Exact-v0", {}, {"epochs": 200}, {"step_size": 2e-3}),
    ],
)
def test_the_constants_of_a_task(task, adversary, proxy, update):
    recipe = resolved("roma", "continuous", task)
    assert differences(written(recipe.adversary), ADVERSARY) == adversary
    assert differences(written(recipe.proxy), PROXY) == proxy
    assert differences(written(recipe.update), UPDATE) == update


def test_letters_go_through_an_autoencoder():
    recipe = resolved("roma", "discrete")
    assert AUTOENCODER.items() <= written(recipe.encoding).items()
    assert differences(written(recipe.adversary), ADVERSARY) == {"radius": 5e-4}
    assert differences(written(recipe.proxy), PROXY) == {"epochs": 100}
    assert differences(written(recipe.update), UPDATE) == {"radius": 5e-4, "step_size": 2e-3}


def test_the_preset_logits_has_standardised_logits_instead():
    base, logits = (resolved("roma", "discrete", None, preset) for preset in (None, "logits"))
    assert (logits.encoding.name, logits.encoding.standardise) == ("soft-logits", True)
    assert (logits.adversary, logits.proxy) == (base.adversary, base.proxy)
    assert differences(written(logits.update), written(base.update)) == {"step_size": 3e-3}
    with pytest.raises(mbo.RecipeError, match="cannot encode continuous designs"):
        resolved("roma", "continuous", None, "logits")


def test_the_preset_paper_takes_the_equations():
    base, paper = (resolved("roma", "continuous", None, preset) for preset in (None, "paper"))
    assert differences(written(paper.adversary), written(base.adversary)) == {"biases": False}
    assert differences(written(paper.proxy), written(base.proxy)) == {"loss": "squared"}
    assert differences(written(paper.update), written(base.update)) == PAPER


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_preset_only_shortens(name):
    base, quick = (resolved(name, "continuous", None, preset) for preset in (None, "quick"))
    shorter = {"epochs", "steps", "adaptation_steps", "hidden"}
    for section in ("adversary", "proxy", "update"):
        changed = differences(*(written(getattr(recipe, section)) for recipe in (quick, base)))
        assert changed.keys() <= shorter
    assert quick.proxy.epochs == 10


def test_a_quick_autoencoder_is_trained_shortly():
    base, quick = (resolved("roma", "discrete", None, preset) for preset in (None, "quick"))
    assert differences(written(quick.encoding), written(base.encoding)) == {"epochs": 20}


@pytest.mark.parametrize("kind", KINDS)
def test_mix_of_coms_proxy_and_weight_adversary(kind):
    mixed, coms, roma = (resolved(name, kind) for name in ("coms-weight-ascent", "coms", "roma"))
    assert (mixed.encoding, mixed.update.name) == (coms.encoding, "gradient-ascent")
    assert written(mixed.proxy) == written(coms.proxy)
    assert mixed.adversary == roma.adversary


@pytest.mark.parametrize("kind", KINDS)
def test_mix_of_coms_training_and_adaptation(kind):
    mixed, coms, roma = (resolved(name, kind) for name in ("coms-local-adaptation", "coms", "roma"))
    assert (mixed.encoding, mixed.adversary) == (coms.encoding, coms.adversary)
    assert differences(written(mixed.proxy), written(coms.proxy)) == {"hidden": [64, 64], "activation": "softplus"}
    expected = {"consistency": "squared"} | ({"step_size": 1e-2} if kind == "discrete" else {})
    assert differences(written(mixed.update), written(roma.update)) == expected


def test_the_mixes_take_the_radius_of_the_superconductor():
    assert resolved("coms-weight-ascent", "continuous", SUPERCONDUCTOR).adversary.radius == 5e-4
    assert resolved("coms-local-adaptation", "continuous", SUPERCONDUCTOR).update.radius == 5e-4


def test_the_published_scores():
    published = resolved("roma", "continuous").published
    assert {task: scores["100th"] for task, scores in published.items()} == {
        "TFBind8-Exact-v0": [0.665, 0.0],
        SUPERCONDUCTOR: [0.494, 0.025],
    }


REFUSED = {
    "likelihood without a std": (
        "coms-local-adaptation",
        ["update.consistency=nll"],
        'needs a proxy with "uncertainty"',
    ),
    "no weights": (
        "roma",
        ["proxy.use=none", "adversary.use=none"],
        '"gradients" and "params" and "uncertainty" and "values"',
    ),
    "designs moved": ("roma", ["adversary.use=design-ascent"], 'proxy "smooth" cannot be trained against adversary'),
    "no such cap": ("roma", ["update.gain_cap=0"], "gain_cap"),
    "unbounded cap": ("roma", ["update.gain_cap=-1"], "gain_cap"),
    "misspelt cap": ("roma", ["update.gain_cap=nothing"], "gain_cap"),
    "negative radius": ("roma", ["update.radius=-1e-3", "adversary.radius=-1e-3"], "2 mistakes"),
}


@pytest.mark.parametrize(("name", "sets", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_before_training(name, sets, words):
    with pytest.raises(mbo.RecipeError, match=re.escape(words)):
        resolved(name, sets=sets)
