"""The recipe runs, on unusual data too, and mixes with proxies that it does not ask."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo

SMALL = ("hidden=[16,16]", "latent=3", "batch_size=32", "held_out=20", "epochs=2")


def table(kind: str, rows: int = 300, classes: int = 4) -> mbo.Task:
    """Numbers that score best at 1, or letters of which the second counts."""
    random = np.random.default_rng(4)
    if kind == "discrete":
        x = random.integers(0, classes, (rows, 6))
        return mbo.Task("letters", x, (x == 1).sum(1) + 0.0, space=mbo.Space.discrete(6, classes), replicates="keep")
    x = random.normal(size=(rows, 6))
    return mbo.Task("numbers", x, -((x - 1) ** 2).sum(1))


def run(task: mbo.Task, *sets: str, seeds=2, **options):
    small = [f"update.{each}" for each in SMALL]
    return mbo.run("mins", task, seeds=seeds, set=[*small, *sets], **options)


@pytest.mark.parametrize("kind", ["continuous", "discrete"])
def test_runs_with_independent_seeds(kind):
    task = table(kind)
    result = run(task)
    assert result.failed == {}
    assert result.designs.shape == (2, 128, 6)
    for designs in result.designs:
        task.table.check(designs)
    assert np.array_equal(run(task, seeds=[1]).trials[1].raw, result.trials[1].raw)
    assert not np.array_equal(*result.designs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["continuous", "discrete"])
def test_designs_score_like_the_best_data(kind):
    task = table(kind, rows=1000)
    epochs = "update.epochs=30" if kind == "discrete" else "update.epochs=60"
    learns = (epochs, "update.learning_rate=2e-3", "update.generator_every=2", "update.hidden=[32,32]")
    designs = run(task, *learns, seeds=1).designs[0]
    truth = (designs == 1).sum(1) if kind == "discrete" else -((designs - 1) ** 2).sum(1)
    assert truth.mean() > np.quantile(task.y, 0.8)


def test_the_epochs_are_recorded():
    result = run(table("discrete"))
    steps = [step for step in result.trials[0].steps if step["phase"] == "search"]
    assert [step["step"] for step in steps] == [0, 1]


def test_any_proxy_predicts_the_designs():
    result = run(table("continuous"), "proxy.use=regression", "proxy.hidden=[8]", "proxy.epochs=1", "proxy.held_out=20")
    assert np.isfinite(result.trials[0].predicted).all()


def test_it_makes_latents_and_logits_too():
    task = table("discrete")
    for encoding in (["encoding.use=latent", "encoding.epochs=2", "encoding.latent=3"], ["encoding.use=soft-logits"]):
        result = run(task, *encoding)
        assert result.failed == {}
        task.table.check(result.designs[0])


@pytest.mark.parametrize(
    "task",
    [
        mbo.Task("constant", table("continuous").x, np.ones(300)),
        table("discrete", classes=2),
        table("continuous", rows=30),
        mbo.Task("outlier", table("continuous").x, np.where(np.arange(300) == 7, 1.0, 0.0)),
        mbo.Task(
            "fixed", np.tile([0, 1, 2], (60, 1)), np.arange(60.0), space=mbo.Space.discrete(3, 4), replicates="keep"
        ),
    ],
    ids=["constant-scores", "two-classes", "fewer-rows-than-candidates", "one-outlier", "one-token-at-a-position"],
)
def test_unusual_data_run(task):
    result = run(task)
    assert result.failed == {}
    assert result.designs.shape[:2] == (2, min(128, task.table.designs))
