"""The shipped recipes hold the published constants, and run."""

from __future__ import annotations

import re

import numpy as np
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
    "use": "cma-es",
    "candidates": 128,
    "generations": 100,
    "step_size": 0.5,
    "population": 0,
    "separable_above": 256,
    "score_start": False,
}
ENCODING = {
    "continuous": {"use": "standardised"},
    "discrete": {"use": "soft-logits", "mass": 0.6, "reference": "first", "standardise": True},
}
SMALL = ("proxy.hidden=[16]", "proxy.epochs=5", "proxy.held_out=20", "update.generations=10")


@pytest.mark.parametrize("kind", ENCODING)
def test_the_constants_are_the_published_ones(kind):
    recipe = resolved("cma-es", kind)
    assert written(recipe.encoding) == ENCODING[kind]
    assert written(recipe.adversary) == {"use": "none"}
    assert written(recipe.proxy) == PROXY
    assert written(recipe.update) == UPDATE


def test_molecules_have_wider_proxy_and_latents():
    recipe = resolved("cma-es", "discrete", task="ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0")
    assert written(recipe.proxy) == {**PROXY, "hidden": [2048], "learning_rate": 3e-4, "epochs": 50}
    encoding = written(recipe.encoding)
    assert encoding.pop("use") == "latent"
    published = {"latent": 256, "hidden": [256] * 4, "beta": 0.01, "learning_rate": 3e-4, "epochs": 50, "codes": "mean"}
    assert {**encoding, **published} == encoding
    assert written(recipe.update) == UPDATE


def test_the_published_scores():
    published = {task: scores["100th"] for task, scores in resolved("cma-es", "continuous").published.items()}
    assert published == {"TFBind8-Exact-v0": [0.953, 0.022], "Superconductor-RandomForest-v0": [0.465, 0.024]}


@pytest.mark.parametrize("kind", ENCODING)
def test_mix_combines_coms_proxy_and_cma_search(kind):
    mix, coms = resolved("cma-es-on-coms", kind), resolved("coms", kind)
    for part in ("encoding", "adversary", "proxy"):
        assert written(getattr(mix, part)) == written(getattr(coms, part))
    assert written(mix.update) == UPDATE


@pytest.mark.parametrize("kind", ENCODING)
def test_the_quick_presets_only_shorten(kind):
    quick = resolved("cma-es", kind, preset="quick")
    assert written(quick.proxy) == {**PROXY, "epochs": 10}
    assert written(quick.update) == {**UPDATE, "generations": 50}
    mix = resolved("cma-es-on-coms", kind, preset="quick")
    assert written(mix.proxy) == written(resolved("coms", kind, preset="quick").proxy)
    assert written(mix.update) == {**UPDATE, "generations": 50}


@pytest.mark.parametrize("kind", ENCODING)
def test_candidates_are_designs_that_the_proxy_likes_better(kind):
    task = small_task(kind)
    result = mbo.run("cma-es", task, seeds=2, set=SMALL)
    assert result.failed == {}
    for trial, designs in zip(result.trials.values(), result.designs, strict=True):
        assert designs.shape == (128, 6)
        task.table.check(designs)
        found = [step["predicted"] for step in trial.steps if step["phase"] == "search"]
        assert found[-1] > found[0]


def test_seed_gives_same_designs_alone():
    together, alone = (
        mbo.run("cma-es", small_task("continuous"), seeds=seeds, set=SMALL) for seeds in ([0, 1, 2], [1])
    )
    # A product of another size may round otherwise, and so rank two samples otherwise that are all but equal.
    same = np.isclose(together.trials[1].encoded, alone.trials[1].encoded, rtol=1e-4, atol=1e-4).all(1)
    assert same.mean() > 0.95


@pytest.mark.parametrize(
    ("sets", "fact"),
    [
        (["update.population=2"], "population=2 is too small"),
        (["update.step_size=0"], "not above 0"),
        (["proxy.use=none"], 'needs a proxy with "order"'),
    ],
)
def test_what_does_not_fit_is_refused(sets, fact):
    with pytest.raises(mbo.RecipeError, match=re.escape(fact)):
        mbo.run("cma-es", small_task("continuous"), seeds=1, set=sets)
