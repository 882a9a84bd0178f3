"""The shipped recipes, what fits them, and seeds that do not depend on each other."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.recipes.recipe import written
from mbo_core.testing import resolved, small_task

KINDS = ("continuous", "discrete", "mixed")
PROCESS = {
    "use": "gaussian-process",
    "kernel": "product",
    "rows": 2000,
    "likelihood_rows": 2000,
    "iterations": 200,
}
SMALL = {
    "gp-qlognei": [
        "proxy.iterations=5",
        *(f"update.{one}" for one in ("candidates=2", "batch=1", "restarts=1", "raw_samples=4", "iterations=2")),
    ],
    "gp-ascent": ["proxy.iterations=5", "update.candidates=4", "update.steps=3"],
    "gp-lcb": ["proxy.iterations=5", "update.candidates=4", "update.steps=3"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", SMALL)
def test_the_process_of_every_method(method, kind):
    prior = "little" if method == "gp-qlognei" else "flat"
    assert written(resolved(method, kind).proxy) == PROCESS | {"noise_prior": prior}


@pytest.mark.parametrize("method", SMALL)
def test_few_rows_are_expected_to_have_little_noise(method):
    assert resolved(method, "mixed", preset="table").proxy.noise_prior == "little"


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_searched_in_columns(kind):
    recipe = resolved("gp-qlognei", kind)
    assert written(recipe.encoding) == {"use": "columns"}
    assert written(recipe.update)["acquisition"] == "log-nei"


def test_the_bound_is_climbed_as_the_mean_is():
    mean, bound = (written(resolved(method, "continuous").update) for method in ("gp-ascent", "gp-lcb"))
    assert bound == {**mean, "objective": {"use": "lower-bound", "deviations": 1.0}}


@pytest.mark.parametrize("method", SMALL)
def test_a_seed_alone_is_that_seed_among_others(method):
    task = small_task("discrete", rows=40)
    few = [*SMALL[method], "proxy.rows=20", "proxy.likelihood_rows=10"]
    together = mbo.run(method, task, seeds=2, set=few)
    alone = mbo.run(method, task, seeds=[1], set=few)
    assert together.failed == {}
    np.testing.assert_array_equal(alone.designs[0], together.designs[1])


def test_what_the_fit_chose_and_cut_is_told():
    result = mbo.run("gp-ascent", small_task("continuous"), seeds=1, set=[*SMALL["gp-ascent"], "proxy.rows=50"])
    [fit] = [step for step in result.trials[0].steps if step["phase"] == "fit"]
    assert {"likelihood", "noise", "scale", "shortest", "longest"} <= set(fit)
    assert fit["through"] == 150
    texts = [note.text for note in result.notes]
    assert any("more rows than the option rows" in text for text in texts)
    assert not any("likelihood_rows" in text for text in texts)


@pytest.mark.parametrize(
    ("adversary", "moves"), [("design-ascent", "designs"), ("weight-ascent", "weights")], ids=["coms", "roma"]
)
def test_adversaries_are_refused_with_the_reason(adversary, moves):
    """A process is fitted in closed form: nothing can be mined in between, and its support points are no weights."""
    if ("adversary", adversary) not in mbo.installed().stages:
        pytest.skip(f"the adversary {adversary} is not installed")
    with pytest.raises(mbo.RecipeError, match=f'"gaussian-process" cannot be trained against.*"{moves}"'):
        mbo.run("gp-ascent", small_task("continuous"), seeds=1, set=[f"adversary.use={adversary}"])


def test_batches_need_a_joint_posterior():
    with pytest.raises(mbo.RecipeError, match='"mbo-gp:posterior", which "ensemble" lacks') as refused:
        mbo.run("gp-qlognei", small_task("continuous"), seeds=1, set=["proxy.use=ensemble"])
    assert "these fit: gaussian-process" in str(refused.value)
