"""The shipped recipe holds the published constants."""

from __future__ import annotations

import pytest

from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved

SUPERCONDUCTOR = "Superconductor-RandomForest-v0"
CHEMBL = "ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0"
KINDS = [("continuous", "standardised"), ("discrete", "one-hot")]

UPDATE = {
    "use": "mins",
    "candidates": 128,
    "epochs": 200,
    "batch_size": 128,
    "held_out": 200,
    "order": "fixed",
    "latent": 32,
    "hidden": [1024, 1024, 1024],
    "learning_rate": 2e-4,
    "penalty": 10.0,
    "generator_every": 10,
    "keep": 0.99,
    "first_temperature": 5.0,
    "last_temperature": 1.0,
    "bins": 20,
    "weight_temperature": 0.1,
    "smoothing": 1e-3,
    "largest_weight": 5.0,
    "negligible": 1e-7,
    "beyond": 0.0,
}


@pytest.mark.parametrize(("kind", "encoding"), KINDS)
def test_the_constants_are_the_published_ones(kind, encoding):
    recipe = resolved("mins", kind)
    assert written(recipe.encoding) == {"use": encoding}
    assert written(recipe.adversary) == written(recipe.proxy) == {"use": "none"}
    assert written(recipe.update) == UPDATE


@pytest.mark.parametrize(
    ("kind", "task", "own"),
    [
        ("continuous", "HopperController-Exact-v0", {"epochs": 500}),
        ("discrete", "TFBind10-Exact-v0", {"epochs": 100}),
        ("discrete", CHEMBL, {"hidden": [2048, 2048, 2048], "held_out": 100}),
        ("discrete", "TFBind8-Exact-v0", {}),
        ("continuous", SUPERCONDUCTOR, {}),
    ],
)
def test_three_tasks_have_constants_of_their_own(kind, task, own):
    assert written(resolved("mins", kind, task).update) == {**UPDATE, **own}


def test_quick_changes_only_networks_and_epochs():
    assert written(resolved("mins", preset="quick").update) == {**UPDATE, "hidden": [256, 256, 256], "epochs": 20}


def test_the_published_scores():
    published = resolved("mins").published
    assert published["TFBind8-Exact-v0"]["100th"] == [0.905, 0.052]
    assert published[SUPERCONDUCTOR]["100th"] == [0.469, 0.023]
