"""The shipped recipes hold the published constants, and run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved

NAMES = ["grad-ascent", "grad-ascent-min", "grad-ascent-mean"]
SUPERCONDUCTOR = "Superconductor-RandomForest-v0"

PROXY = {
    "use": "ensemble",
    "bootstrap": True,
    "shuffle": "own",
    "hidden": [2048, 2048],
    "activation": "leaky-relu",
    "bounds": "trained",
    "learning_rate": 3e-4,
    "batch_size": 128,
    "held_out": 200,
    "keep": "last",
    "refit": False,
}
UPDATE = {
    "use": "gradient-ascent",
    "candidates": 128,
    "steps": 200,
    "step_size": 0.01,
    "optimiser": "plain",
    "objective": {"use": "prediction"},
    "entropy_weight": 0.0,
}
ENCODING = {
    "continuous": {"use": "standardised"},
    "discrete": {"use": "soft-logits", "mass": 0.6, "reference": "first", "standardise": True},
}


def table(kind: str) -> mbo.Task:
    """300 rows: numbers that score best at 1, or letters that score best at C."""
    random = np.random.default_rng(4)
    if kind == "discrete":
        x = random.integers(0, 4, (300, 6))
        return mbo.Task(
            "letters", x, (x == 2).sum(1) - 0.1 * (x == 0).sum(1), space=mbo.Space.discrete(6, 4), replicates="keep"
        )
    x = random.normal(size=(300, 6))
    return mbo.Task("numbers", x, -((x - 1) ** 2).sum(1))


SMALL = ("proxy.hidden=[32]", "proxy.epochs=5", "proxy.learning_rate=3e-3", "proxy.held_out=20")


def run(name: str, kind: str, *sets: str, seeds=2, **options):
    return mbo.run(name, table(kind), seeds=seeds, set=[*SMALL, *sets], **options)


@pytest.mark.parametrize("kind", ["continuous", "discrete"])
@pytest.mark.parametrize(
    ("name", "members", "aggregation"),
    [("grad-ascent", 1, "mean"), ("grad-ascent-min", 5, "min"), ("grad-ascent-mean", 5, "mean")],
)
def test_the_constants_are_the_published_ones(name, members, aggregation, kind):
    recipe = resolved(name, kind)
    assert written(recipe.encoding) == ENCODING[kind]
    assert written(recipe.adversary) == {"use": "none"}
    assert written(recipe.proxy) == {**PROXY, "members": members, "epochs": 100}
    assert written(recipe.update) == {**UPDATE, "aggregation": aggregation}


@pytest.mark.parametrize(("name", "epochs"), [("grad-ascent", 50), ("grad-ascent-min", 100), ("grad-ascent-mean", 100)])
def test_single_network_trains_less_on_superconductor(name, epochs):
    recipe = resolved(name, "continuous", SUPERCONDUCTOR)
    assert recipe.proxy.epochs == epochs
    assert any("Superconductor" in each for each in recipe.about["deviations"]) == (epochs == 50)


@pytest.mark.parametrize(
    ("name", "letters", "superconductor"),
    [
        ("grad-ascent", [0.977, 0.025], [0.518, 0.024]),
        ("grad-ascent-min", [0.984, 0.012], [0.506, 0.009]),
        ("grad-ascent-mean", [0.986, 0.012], [0.499, 0.017]),
    ],
)
def test_the_published_scores(name, letters, superconductor):
    published = resolved(name, "continuous").published
    assert published["TFBind8-Exact-v0"]["100th"] == letters
    assert published[SUPERCONDUCTOR]["100th"] == superconductor


@pytest.mark.parametrize("name", NAMES)
def test_quick_changes_only_network_and_epochs(name):
    base, quick = (resolved(name, "continuous", SUPERCONDUCTOR, preset) for preset in (None, "quick"))
    assert written(quick.proxy) == {**written(base.proxy), "hidden": [256, 256], "epochs": 20}
    assert quick.update.steps == base.update.steps


@pytest.mark.parametrize("kind", ["continuous", "discrete"])
@pytest.mark.parametrize("name", NAMES)
def test_without_steps_the_designs_are_the_best_rows(name, kind):
    result, task = run(name, kind, "update.steps=0", "proxy.epochs=1"), table(kind)
    # Rows that are held out from training are among the starts; ties go by row.
    best = np.argsort(-task.y, kind="stable")[:128]
    for designs in result.designs:
        np.testing.assert_allclose(designs, task.x[best], rtol=1e-5, atol=1e-6 if kind == "continuous" else 0)


@pytest.mark.parametrize("name", NAMES)
def test_standardised_logits_decode_to_their_letters(name):
    # One letter is common and the last position constant, so that means and deviations matter.
    x = np.random.default_rng(4).choice(4, (300, 6), p=[0.1, 0.1, 0.1, 0.7])
    x[:, 5] = 2
    encoding = resolved(name, "discrete").encoding
    state = encoding.init(
        keys.key(0), mbo.Task("letters", x, x.sum(1), space=mbo.Space.discrete(6, 4), replicates="keep")
    )
    logits = encoding.encode(state, torch.tensor(x))
    torch.testing.assert_close(logits[:, :15].std(0, correction=0), torch.ones(15))
    assert np.array_equal(encoding.decode(state, logits), x)


@pytest.mark.slow
def test_the_published_mean_is_the_minimum():
    by_minimum, published, by_mean = (
        run("grad-ascent-min", "continuous", "update.steps=20", f'update.aggregation="{aggregation}"')
        for aggregation in ("min", "mean-as-published", "mean")
    )
    assert np.array_equal(by_minimum.designs, published.designs)
    assert not np.allclose(by_minimum.designs, by_mean.designs)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_candidates_beat_the_data(name):
    task = table("continuous")
    result = run(name, "continuous", "proxy.epochs=40", "update.steps=50")
    truth = -((result.designs - 1) ** 2).sum(2)
    assert (truth.max(1) > task.best_in_data).all()
    assert (np.median(truth, 1) > np.sort(task.y)[-128:].mean()).all()
