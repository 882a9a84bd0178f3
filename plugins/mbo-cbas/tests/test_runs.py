"""Every recipe runs, on unusual data too, or is refused before any training."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.testing import small_task

NAMES = ["cbas", "autofocused-cbas", "cbas-on-grad-mean"]


SMALL = (
    "hidden=[16]",
    "latent=3",
    "prior_epochs=3",
    "held_out=20",
    "iterations=2",
    "samples=100",
    "samples_held_out=20",
)


def run(name: str, task: mbo.Task, *sets: str, **options):
    inner = "update.inner" if name == "autofocused-cbas" else "update"
    proxy = ["proxy.hidden=[16]", "proxy.epochs=2", "proxy.held_out=20"]
    refresh = ["update.epochs=1"] if name == "autofocused-cbas" else []
    small = [f"{inner}.{each}" for each in (*SMALL, "epochs=2", "candidates=40")]
    return mbo.run(name, task, set=[*proxy, *small, *refresh, *sets], **{"seeds": 2, **options})


BOTH = ["continuous", "discrete"]
ONCE = {("cbas", "discrete"), ("autofocused-cbas", "continuous"), ("cbas-on-grad-mean", "discrete")}


@pytest.mark.parametrize(
    ("name", "kind"),
    [pytest.param(*pair, marks=[] if pair in ONCE else pytest.mark.slow) for pair in product(NAMES, BOTH)],
)
def test_every_recipe_runs_with_independent_seeds(name, kind):
    task = small_task(kind)
    result = run(name, task)
    assert result.failed == {}
    assert result.designs.shape == (2, 40, 6)
    for designs in result.designs:
        task.table.check(designs)
    alone = run(name, task, seeds=[1]).trials[1]
    if kind == "discrete":
        assert (alone.raw == result.trials[1].raw).mean() > 0.99
    else:
        np.testing.assert_allclose(alone.raw, result.trials[1].raw, rtol=1e-2, atol=1e-2)


def test_the_steps_are_recorded():
    result = run("autofocused-cbas", small_task("continuous"))
    [first, second] = [step for step in result.trials[0].steps if step["phase"] == "search"]
    assert set(first) - {"phase", "step"} == {
        "loss",
        "threshold",
        "predicted",
        "above",
        "tail",
        "weight",
        "effective_samples",
        "refresh_loss",
        "effective_rows",
        "dropped_rows",
        "refreshed",
    }
    # At first q is p, so a weight is the tail.
    assert first["weight"] == pytest.approx(first["tail"])
    assert second["weight"] != pytest.approx(second["tail"])


def test_without_a_refresh_autofocusing_is_cbas():
    task = small_task("discrete")
    focused, plain = run("autofocused-cbas", task, "update.epochs=0"), run("cbas", task)
    assert np.array_equal(focused.designs, plain.designs)
    refreshed = run("autofocused-cbas", task)
    thresholds = [result.trials[0].steps[-1]["threshold"] for result in (focused, plain, refreshed)]
    assert thresholds[0] == thresholds[1] != thresholds[2]


@pytest.mark.slow
def test_candidates_follow_the_proxy():
    sets = (
        "proxy.epochs=40",
        "proxy.learning_rate=3e-3",
        "update.prior_epochs=40",
        "update.learning_rate=3e-3",
        "update.batch_size=32",
        "update.iterations=5",
        "update.epochs=5",
        "update.samples=200",
    )
    task = small_task("discrete")
    result = run("cbas", task, *sets, seeds=1)
    scores = (result.designs[0] == 2).sum(1) - 0.1 * result.designs[0][:, 0]
    assert scores.mean() > task.y.mean() + 0.5


@pytest.mark.parametrize("name", ["cbas", "autofocused-cbas"])
def test_it_searches_latents_and_logits_too(name):
    task = small_task("discrete")
    for encoding in (["encoding.use=latent", "encoding.epochs=2", "encoding.latent=3"], ["encoding.use=soft-logits"]):
        result = run(name, task, *encoding)
        assert result.failed == {}
        task.table.check(result.designs[0])


@pytest.mark.parametrize(
    "task",
    [
        mbo.Task("constant", small_task("continuous").x, np.ones(200)),
        mbo.Task("two-scores", small_task("continuous").x, np.repeat([0.0, 1.0], 100)),
        small_task("discrete", classes=2),
        small_task("continuous", rows=30),
        mbo.Task(
            "fixed", np.tile([0, 1, 2], (60, 1)), np.arange(60.0), space=mbo.Space.discrete(3, 4), replicates="keep"
        ),
    ],
    ids=["constant-scores", "two-scores", "two-classes", "fewer-rows-than-candidates", "one-token-at-a-position"],
)
@pytest.mark.parametrize("name", [pytest.param("cbas", marks=pytest.mark.slow), "autofocused-cbas"])
def test_unusual_data_run(name, task):
    result = run(name, task)
    assert result.failed == {}
    assert len(result.designs) == 2


@pytest.mark.parametrize(
    ("name", "sets", "fact"),
    [
        ("cbas", ["proxy.use=conservative", "adversary.use=design-ascent"], 'needs a proxy with "uncertainty"'),
        ("cbas", ["proxy.use=regression"], 'needs a proxy with "uncertainty"'),
        ("cbas", ["update.samples_held_out=100"], "samples_held_out=100 leaves 0 of 100 samples"),
        ("autofocused-cbas", ["update.inner.use=gradient-ascent"], 'inner "gradient-ascent" has no density'),
        ("autofocused-cbas", ["update.inner.use=none"], 'inner "none" has no density'),
        ("autofocused-cbas", ["proxy.use=regression"], 'needs a proxy with "uncertainty"'),
        ("autofocused-cbas", ["update.flatten=1.5"], "above 1"),
    ],
)
def test_what_does_not_fit_is_refused(name, sets, fact):
    dropped = [] if any(each.startswith("proxy") for each in sets) else ["proxy.hidden=[16]"]
    small = ["update.samples=100"] if any("samples_held_out" in each for each in sets) else []
    with pytest.raises(mbo.RecipeError, match=re.escape(fact)):
        mbo.run(name, small_task("continuous"), seeds=1, set=[*sets, *small, *dropped])
