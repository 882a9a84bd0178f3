"""Every recipe runs, on unusual data too, and finds better designs where the released code finds none."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mbo_core as mbo

NAMES = ["reinforce", "reinforce-weight-ascent"]
SMALL = ("proxy.hidden=[32]", "proxy.epochs=30", "proxy.learning_rate=3e-3", "proxy.held_out=20", "proxy.members=2")


def table(kind: str, rows: int = 300, classes: int = 4) -> mbo.Task:
    """Numbers that score best at 1, or letters of which the second counts."""
    random = np.random.default_rng(4)
    if kind == "discrete":
        x = random.integers(0, classes, (rows, 6))
        return mbo.Task("letters", x, (x == 1).sum(1) + 0.0, space=mbo.Space.discrete(6, classes), replicates="keep")
    x = random.normal(size=(rows, 6))
    return mbo.Task("numbers", x, -((x - 1) ** 2).sum(1))


def run(name: str, task: mbo.Task, *sets: str, seeds=2, **options):
    few = ("update.iterations=3", "update.samples=64", "proxy.epochs=2")
    adversary = ("adversary.steps=2",) if name == "reinforce-weight-ascent" else ()
    return mbo.run(name, task, seeds=seeds, set=[*SMALL, *few, *adversary, *sets], **options)


@pytest.mark.parametrize("kind", ["continuous", "discrete"])
@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_runs_with_independent_seeds(name, kind):
    task = table(kind)
    result = run(name, task)
    assert result.failed == {}
    assert result.designs.shape == (2, 128, 6)
    for designs in result.designs:
        task.table.check(designs)
    alone = run(name, task, seeds=[1]).trials[1]
    if kind == "discrete":
        assert (alone.raw == result.trials[1].raw).mean() > 0.99
    else:
        np.testing.assert_allclose(alone.raw, result.trials[1].raw, rtol=1e-3, atol=1e-3)


def test_the_steps_are_recorded():
    result = run("reinforce", table("discrete"))
    steps = [step for step in result.trials[0].steps if step["phase"] == "search"]
    assert len(steps) == 3
    assert set(steps[0]) == {"phase", "step", "predicted", "best", "spread", "gradient_norm", "entropy"}


TRUTHS = {"continuous": lambda x: -((x - 1) ** 2).sum(-1), "discrete": lambda x: (x == 1).sum(-1)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRUTHS)
@pytest.mark.parametrize("name", NAMES)
def test_the_policy_gets_better_than_its_start(name, kind):
    sets = ("proxy.epochs=30", "update.samples=256", "update.learning_rate=0.05")
    before, after = (
        TRUTHS[kind](run(name, table(kind), *sets, f"update.iterations={steps}").designs).mean(1) for steps in (0, 15)
    )
    assert (after > before + 0.4).all()


def test_published_designs_are_draws_from_best_marginals():
    """As published, the policy never moves."""
    task = table("discrete")
    published = ("update.discrete_gradient=as-published", "update.candidates=2000")
    short, long = (run("reinforce", task, *published, f"update.iterations={steps}") for steps in (0, 3))
    best = task.x[np.argsort(-task.y, kind="stable")[:128]]
    for result in (short, long):
        for token in range(4):
            expected = (best == token).mean(0)
            assert np.abs((result.designs == token).mean(1) - expected).max() < 0.12  # of 285 draws
    # Whatever the proxy says.
    assert np.array_equal(run("reinforce", task, *published, "proxy.epochs=0").designs, long.designs)
    learnt = run("reinforce", task, "update.candidates=2000", "update.iterations=40", "update.learning_rate=0.1")
    assert ((learnt.designs == 1).mean() - (best == 1).mean()) > 0.2


def test_it_searches_latents_and_logits_too():
    task = table("discrete")
    for encoding in (["encoding.use=latent", "encoding.epochs=2", "encoding.latent=3"], ["encoding.use=soft-logits"]):
        result = run("reinforce", task, *encoding)
        assert result.failed == {}
        task.table.check(result.designs[0])


@pytest.mark.parametrize(
    "task",
    [
        mbo.Task("constant", table("continuous").x, np.ones(300)),
        table("discrete", classes=2),
        table("continuous", rows=30),
        mbo.Task(
            "fixed", np.tile([0, 1, 2], (60, 1)), np.arange(60.0), space=mbo.Space.discrete(3, 4), replicates="keep"
        ),
    ],
    ids=["constant-scores", "two-classes", "fewer-rows-than-candidates", "one-token-at-a-position"],
)
def test_unusual_data_run(task):
    result = run("reinforce", task)
    assert result.failed == {}
    assert result.designs.shape[:2] == (2, min(128, task.table.designs))
    if task.name == "fixed":
        assert (result.designs == [0, 1, 2]).all()


@pytest.mark.parametrize(
    ("sets", "fact"),
    [
        (["proxy.use=none"], 'needs a proxy with "order"'),
        (["update.exploration_std=0"], "not above 0"),
        (["update.smoothing=1.5"], "above 1"),
        (["update.samples=1"], "below 2"),
    ],
)
def test_what_does_not_fit_is_refused(sets, fact):
    with pytest.raises(mbo.RecipeError, match=re.escape(fact)):
        mbo.run("reinforce", table("continuous"), seeds=1, set=sets)
