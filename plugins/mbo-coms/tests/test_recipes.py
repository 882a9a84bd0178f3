"""The shipped recipe holds the published constants, runs, and is plain regression without its multiplier."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved, small_task

ADVERSARY = {"use": "design-ascent", "steps": 50, "step_size": 0.05, "entropy_weight": 0.0}
PROXY = {
    "use": "conservative",
    "overestimation_limit": 0.5,
    "initial_multiplier": 0.1,
    "multiplier_learning_rate": 0.01,
    "input_noise": 0.0,
    "hidden": [2048, 2048],
    "activation": "relu",
    "learning_rate": 3e-4,
    "epochs": 50,
    "batch_size": 128,
    "held_out": 500,
    "keep": "last",
    "refit": False,
}
UPDATE = {
    "use": "gradient-ascent",
    "candidates": 128,
    "steps": 50,
    "step_size": 0.05,
    "optimiser": "plain",
    "objective": {"use": "prediction"},
    "aggregation": "mean",
    "entropy_weight": 0.0,
}
LOGITS = {"use": "soft-logits", "mass": 0.6, "reference": "first", "standardise": False}
PUBLISHED = {
    "continuous": ({"use": "standardised"}, ADVERSARY, PROXY, UPDATE),
    "discrete": (
        LOGITS,
        {**ADVERSARY, "step_size": 2.0},
        {**PROXY, "overestimation_limit": 2.0},
        {**UPDATE, "step_size": 2.0},
    ),
}


class Sum:
    """A stand-in for the truth."""

    def score(self, designs):
        return designs.sum(1).astype(float)


SMALL = ("proxy.hidden=[16]", "proxy.epochs=5", "proxy.held_out=20", "proxy.learning_rate=3e-3")


def run(kind: str, *sets: str, seeds=2, **options):
    return mbo.run("coms", small_task(kind, oracle=Sum()), seeds=seeds, set=[*SMALL, *sets], **options)


def trace(result, name: str) -> list[float]:
    return [step[name] for trial in result.trials.values() for step in trial.steps if step["phase"] == "train"]


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_constants_are_the_published_ones(kind):
    recipe = resolved("coms", kind)
    parts = (recipe.encoding, recipe.adversary, recipe.proxy, recipe.update)
    assert tuple(written(part) for part in parts) == PUBLISHED[kind]


@pytest.mark.parametrize("preset", [None, "quick"])
@pytest.mark.parametrize("kind", PUBLISHED)
def test_search_takes_the_steps_of_the_adversary(kind, preset):
    recipe = resolved("coms", kind, preset=preset)
    for option in ("steps", "step_size", "entropy_weight"):
        assert getattr(recipe.update, option) == getattr(recipe.adversary, option)


def test_quick_changes_only_network_and_epochs():
    assert written(resolved("coms", "discrete", preset="quick").proxy) == {
        **PROXY,
        "overestimation_limit": 2.0,
        "hidden": [64, 64],
        "epochs": 10,
    }


def test_the_published_scores():
    published = {task: scores["100th"] for task, scores in resolved("coms", "continuous").published.items()}
    assert published == {"TFBind8-Exact-v0": [0.945, 0.033], "Superconductor-RandomForest-v0": [0.439, 0.033]}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_without_steps_the_designs_are_the_best_rows(kind):
    result, task = run(kind, "update.steps=0", "proxy.epochs=1"), small_task(kind, oracle=Sum())
    # Rows that are held out from training are among the starts; ties go by row. Unstandardised logits decode exactly.
    best = np.argsort(-task.y, kind="stable")[:128]
    for designs in result.designs:
        np.testing.assert_allclose(designs, task.x[best], rtol=1e-5, atol=1e-6 if kind == "continuous" else 0)


def test_logits_are_encoded_and_decoded_without_statistics():
    task = small_task("discrete")
    encoding = resolved("coms", "discrete").encoding
    state = encoding.init(keys.key(0), task)
    logits = encoding.encode(state, torch.tensor(task.x))
    assert sorted(set(logits.flatten().abs().tolist())) == [0.0, pytest.approx(np.log(7))]
    assert np.array_equal(encoding.decode(state, logits), task.x)


@pytest.mark.parametrize("kind", ["continuous", pytest.param("discrete", marks=pytest.mark.slow)])
def test_multiplier_zero_is_plain_regression_bitwise(kind):
    control = run(kind, "proxy.initial_multiplier=0", "proxy.multiplier_learning_rate=0")
    plain = run(kind, "adversary.use=none", "proxy.use=regression", "proxy.activation=relu", *SMALL)
    conservative = run(kind)
    assert trace(control, "loss") == trace(plain, "loss")
    assert trace(control, "loss") != trace(conservative, "loss")
    for seed in (0, 1):
        assert np.array_equal(control.trials[seed].encoded, plain.trials[seed].encoded)
        assert not np.array_equal(control.trials[seed].encoded, conservative.trials[seed].encoded)


def test_watching_and_storing_a_run_changes_no_design(tmp_path):
    fast, watched = run("continuous"), run("continuous", out=tmp_path / "run", report=lambda *_: None)
    assert np.array_equal(fast.designs, watched.designs)


@pytest.mark.slow
def test_audit_gains_less_on_a_conservative_proxy():
    plain, conservative = (
        run("continuous", f"proxy.initial_multiplier={alpha}", "proxy.epochs=20") for alpha in (0, 5)
    )
    for seed in (0, 1):
        assert plain.trials[seed].gap > 2 * conservative.trials[seed].gap
