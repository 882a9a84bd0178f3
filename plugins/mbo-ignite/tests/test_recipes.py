"""The shipped recipes hold the published constants, and run on every kind of task."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved, small_task

PROXY = {
    "use": "low-sharpness",
    "multiplier": 0.01,
    "sharpness_limit": 0.1,
    "multiplier_learning_rate": 0.0,
    "bootstrap": True,
    "hidden": [2048, 2048],
    "activation": "leaky-relu",
    "bounds": "trained",
    "learning_rate": 3e-4,
    "epochs": 100,
    "batch_size": 128,
    "held_out": 200,
    "keep": "last",
    "refit": False,
}
PUBLISHED = {
    "ignite-2": (0.2, PROXY),
    "ignite": (0.05, {**PROXY, "multiplier": 1e-3, "multiplier_learning_rate": 1e-3}),
}
KINDS = ("continuous", "discrete")
SMALL = ("proxy.hidden=[16]", "proxy.epochs=10", "proxy.held_out=20", "proxy.learning_rate=0.01")


class Sum:
    """A stand-in for the truth."""

    def score(self, designs):
        return designs.sum(1).astype(float)


def parts(name: str, kind: str) -> dict[str, dict]:
    return {role: written(stage) for role, stage in resolved(name, kind).stages().items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_constants_are_the_published_ones(name, kind):
    radius, proxy = PUBLISHED[name]
    found = parts(name, kind)
    assert (found["adversary"], found["proxy"]) == ({"use": "mean-ascent", "radius": radius}, proxy)


@pytest.mark.parametrize("preset", [None, "quick"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PUBLISHED)
def test_all_else_is_that_of_gradient_ascent(name, kind, preset):
    one, base = (resolved(of, kind, preset=preset) for of in (name, "grad-ascent"))
    assert (one.encoding, written(one.update)) == (base.encoding, written(base.update))
    shared = written(base.proxy).keys() & written(one.proxy).keys() - {"use"}
    assert {"hidden", "epochs", "batch_size", "bootstrap", "activation"} <= shared
    assert all(getattr(one.proxy, option) == getattr(base.proxy, option) for option in shared)


@pytest.mark.parametrize("name", PUBLISHED)
def test_superconductor_takes_half_the_epochs(name):
    assert resolved(name, "continuous", task="Superconductor-RandomForest-v0").proxy.epochs == 50


RUNS = [
    pytest.param(name, kind, marks=() if (name, kind) == ("ignite-2", "continuous") else pytest.mark.slow)
    for name in PUBLISHED
    for kind in KINDS
]


@pytest.mark.parametrize(("name", "kind"), RUNS)
def test_candidates_are_better_than_the_data(name, kind):
    task = small_task(kind, oracle=Sum())
    result = mbo.run(name, task, seeds=2, set=[*SMALL, "update.candidates=20", "update.steps=50"])
    assert result.failed == {}
    starts = np.sort(task.y)[-20:].mean()
    for trial in result.trials.values():
        assert trial.scores["raw"].mean() > starts
        steps = [step for step in trial.steps if step["phase"] == "train"]
        assert all(step["sharpness"] > 0 for step in steps[-5:])


def test_other_proxies_take_their_loss_there():
    task = small_task("continuous", rows=60)
    sets = ["proxy.use=regression", "proxy.hidden=[8]", "proxy.epochs=2", "update.candidates=4", "update.steps=1"]
    here, moved = (mbo.run("ignite-2", task, seeds=1, set=[*sets, f"adversary.radius={radius}"]) for radius in (0, 0.5))
    assert not moved.failed
    assert moved.trials[0].steps[0]["loss"] != here.trials[0].steps[0]["loss"]
