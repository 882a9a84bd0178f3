"""The shipped recipes hold the constants that the README accounts for, run, and refuse what they cannot use."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved, small_task

NAMES = ["nemo", "ensemble-nemo"]
KINDS = ["continuous", "discrete"]

BANK = {
    "use": "label-bank",
    "bins": 20,
    "span": 0.25,
    "scale": 1.0,
    "hidden": [64, 64],
    "activation": "softplus",
    "learning_rate": 1e-3,
    "tracking_rate": 5e-3,
    "epochs": 30,
    "batch_size": 128,
    "held_out": 0,
    "keep": "last",
    "refit": False,
}
ENSEMBLE = {
    "use": "ensemble",
    "members": 20,
    "bootstrap": True,
    "shuffle": "shared",
    "hidden": [64, 64],
    "activation": "softplus",
    "bounds": "trained",
    "learning_rate": 1e-3,
    "epochs": 30,
    "batch_size": 128,
    "held_out": 0,
    "keep": "last",
    "refit": False,
}
UPDATE = {
    "use": "normalised-likelihood",
    "candidates": 128,
    "steps": 200,
    "learning_rate": 0.01,
    "span": 0.25,
    "batch_size": 128,
    "pseudo_designs": 32,
    "pseudo_weight": "by-size",
    "averaging": 0.05,
    "spread_penalty": 0.0,
    "regret_penalty": 0.0,
}
ENCODING = {
    "continuous": {"use": "standardised"},
    "discrete": {"use": "soft-logits", "mass": 0.6, "reference": "first", "standardise": True},
}


class Counted:
    """A stand-in for the truth that notes how many designs it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def score(self, designs):
        self.asked.append(len(designs))
        return designs.sum(1).astype(float)


SMALL = ("proxy.hidden=[16]", "proxy.epochs=5", "proxy.learning_rate=0.01", "update.steps=10", "update.candidates=100")


def run(name: str, task: mbo.Task, *sets: str, seeds=2, **options):
    return mbo.run(name, task, seeds=seeds, set=[*SMALL, *sets], **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "proxy"), [("nemo", BANK), ("ensemble-nemo", ENSEMBLE)])
def test_the_constants_are_the_documented_ones(name, proxy, kind):
    recipe = resolved(name, kind)
    assert written(recipe.encoding) == ENCODING[kind]
    assert written(recipe.adversary) == {"use": "none"}
    assert written(recipe.proxy) == proxy
    assert written(recipe.update) == UPDATE


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_preset_trains_and_searches_less(name):
    base, quick = (resolved(name, preset=preset) for preset in (None, "quick"))
    assert written(quick.proxy) == {**written(base.proxy), "epochs": 10}
    assert written(quick.update) == {**UPDATE, "steps": 100}


def test_the_published_scores():
    published = {task: scores["100th"] for task, scores in resolved("nemo", "continuous").published.items()}
    assert published == {"TFBind8-Exact-v0": [0.942, 0.003], "Superconductor-RandomForest-v0": [0.499, 0.003]}


@pytest.mark.parametrize("status", ["confirmed", "recalled", "our own"])
def test_the_recipe_says_where_its_constants_come_from(status):
    assert any(each.startswith(status) for each in resolved("nemo", "continuous").about["deviations"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_recipe_runs_and_only_evaluation_calls_oracle(name, kind):
    oracle = Counted()
    task = small_task(kind, oracle=oracle)
    asked = []
    result = run(name, task, report=lambda phase, done, total: asked.append(len(oracle.asked)))
    assert result.failed == {}
    assert result.designs.shape[:2] == (2, 100)
    assert set(asked) <= {0, 1}
    assert oracle.asked == [2, 100, 100]  # two rows of the data before the training, and the candidates of each seed
    for designs in result.designs:
        task.table.check(designs)
    steps = [step for step in result.trials[0].steps if step["phase"] == "search"]
    assert len(steps) == 10
    assert {"log_gamma", "entropy", "expected", "lag", "loss"} < set(steps[0])
    assert steps[-1]["expected"] > steps[0]["expected"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_without_steps_the_designs_are_the_best_rows(name, kind):
    task = small_task(kind)
    result = run(name, task, "update.steps=0", "proxy.epochs=1")
    best = np.argsort(-task.y, kind="stable")[:100]
    for designs in result.designs:
        assert np.array_equal(designs, task.x[best])


@pytest.mark.slow
def test_candidates_beat_the_data():
    task = small_task("continuous", rows=600)
    result = run(
        "nemo", task, "proxy.epochs=30", "update.steps=60", "update.learning_rate=0.02", "update.candidates=60"
    )
    truth = -((result.designs - 1) ** 2).sum(2)
    assert (truth.max(1) > task.best_in_data).all()
    assert (np.median(truth, 1) > np.sort(task.y)[-60:].mean()).all()


NUMBERS = small_task("continuous")


def flat(kind: str) -> mbo.Task:
    return mbo.Task("flat", small_task(kind).x, np.full(200, 3.5), space=small_task(kind).space)


@pytest.mark.parametrize(
    ("task", "sets", "fact"),
    [
        (flat("continuous"), (), "all [0-9]+ scores are equal"),
        (flat("discrete"), (), "all [0-9]+ scores are equal"),
        (
            small_task("continuous"),
            ("proxy.MEMBERS=2", "proxy.span=1.5", "update.span=1.5"),
            "into the first of 2 bins",
        ),
    ],
)
@pytest.mark.parametrize(("name", "members"), [("nemo", "bins"), ("ensemble-nemo", "members")])
def test_unusable_data_are_refused_before_training(name, members, task, sets, fact):
    trained = []
    chosen = [each.replace("MEMBERS", members) for each in sets if name == "nemo" or "proxy.span" not in each]
    with pytest.raises(mbo.TaskError, match=fact):
        run(name, task, *chosen, report=lambda phase, done, total: trained.append(phase))
    assert set(trained) == {"encode"}


@pytest.mark.parametrize(
    ("sets", "fact"),
    [
        (("proxy.span=0.5",), "that of the proxy"),
        (("proxy.use=regression",), "needs a proxy with"),
        (("proxy.bins=1",), "below 2"),
        (("update.averaging=1.5",), "above 1"),
        (("update.pseudo_weight=often",), "pseudo_weight"),
    ],
)
def test_options_that_cannot_be_used_are_refused(sets, fact):
    with pytest.raises(mbo.RecipeError, match=fact):
        mbo.run("nemo", small_task("continuous"), seeds=1, set=list(sets))


@pytest.mark.parametrize("name", NAMES)
def test_minimal_bins_letters_and_rows_work(name):
    x = np.random.default_rng(4).integers(0, 4, (40, 5))
    x[:, 2] = 3
    task = mbo.Task("letters", x, x.sum(1), space=mbo.Space.discrete(5, 4), replicates="keep")
    members = "proxy.bins=2" if name == "nemo" else "proxy.members=2"
    result = run(name, task, members, "update.candidates=40")
    assert result.failed == {}
    assert result.trials[0].encoded.isfinite().all()


def test_all_but_one_score_may_share_a_bin():
    task = small_task("continuous")
    scores = np.zeros(200)
    scores[7] = 1000.0
    result = run("nemo", mbo.Task("peak", task.x, scores))
    assert result.failed == {}
    assert np.isfinite(result.designs).all()
