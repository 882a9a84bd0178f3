"""`latent` runs within methods, on unusual designs too, or is refused before any training."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mbo_latent.encoding import Latent

import mbo_core as mbo
from mbo_core.functional import keys

KEY = keys.key(3)
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SMALL = {"latent": 4, "hidden": (32,), "batch_size": 32, "learning_rate": 1e-2}


def letters(rows=150, length=6, classes=4, kinds=5, seed=0) -> mbo.Task:
    """A few designs, each token of which is another in a tenth of the rows: what an autoencoder can learn."""
    random = np.random.default_rng(seed)
    x = random.integers(0, classes, (kinds, length))[random.integers(0, kinds, rows)]
    x = np.where(random.random(x.shape) < 0.1, random.integers(0, classes, x.shape), x)
    return mbo.Task(
        "letters", x, (x == 1).sum(1) + 0.1 * x[:, 0], space=mbo.Space.discrete(length, classes), replicates="keep"
    )


TASK = letters()
TOKENS = torch.tensor(TASK.x)


def made(epochs=30, task=TASK, key=KEY, **options):
    encoding = Latent(**{**SMALL, "epochs": epochs, **options})
    return encoding, encoding.init(key, task.table)


def test_the_design_space_may_be_too_large():
    encoding = Latent(**SMALL, max_entries=23)
    with pytest.raises(mbo.TaskError, match=r"6 positions of 4 tokens are 24 one-hot entries(.|\n)*max_entries"):
        encoding.init(KEY, TASK.table)
    made(0, max_entries=24)


def test_too_large_a_space_is_refused_before_training():
    trained: list[str] = []
    tokens = np.zeros((5, 31), int)
    task = mbo.Task("molecules", tokens, np.arange(5.0), space=mbo.Space.discrete(31, 591), replicates="keep")
    with pytest.raises(mbo.TaskError, match="18321 one-hot entries"):
        run(task, "encoding.max_entries=18320", report=lambda phase, done, total: trained.append(phase))
    assert trained == ["encode"]


def test_too_few_designs_are_refused():
    with pytest.raises(mbo.TaskError, match="lower the option held_out"):
        made(held_out=149)


@pytest.mark.parametrize(
    "task",
    [
        mbo.Task(
            "one letter", np.zeros((9, 3), int), np.arange(9.0), space=mbo.Space.discrete(3, 1), replicates="keep"
        ),
        letters(classes=2),
        mbo.Task(
            "fixed",
            np.stack([TASK.x[:, 0] * 0, TASK.x[:, 1]], 1),
            TASK.y,
            space=mbo.Space.discrete(2, 4),
            replicates="keep",
        ),
        letters(rows=3),
        mbo.Task(
            "all alike", np.ones((20, 4), int), np.arange(20.0), space=mbo.Space.discrete(4, 3), replicates="keep"
        ),
    ],
    ids=["one-class", "two-classes", "one-token-at-a-position", "three-rows", "all-alike"],
)
def test_unusual_designs_are_encoded(task):
    encoding, state = made(2, task)
    tokens = torch.tensor(task.x)
    x = encoding.encode(state, tokens)
    assert x.isfinite().all()
    task.table.check(encoding.decode(state, x + 3).numpy())
    assert all(value.isfinite() for value in encoding.report(state, x, tokens).values())


def run(task, *sets, **options):
    small = ["proxy.hidden=[16]", "proxy.epochs=3", "proxy.held_out=20", "update.candidates=32", "update.steps=20"]
    encoding = ["encoding.use=latent", "encoding.latent=4", "encoding.hidden=[16]", "encoding.epochs=3"]
    return mbo.run("grad-ascent", task, set=[*small, *encoding, *sets], **{"seeds": 2, **options})


def test_a_method_that_climbs_runs_in_latents():
    result = run(TASK, "update.step_size=0.3")
    assert result.failed == {}
    assert result.designs.shape == (2, 32, 6)
    for designs in result.designs:
        TASK.table.check(designs)
    alone = run(TASK, "update.step_size=0.3", seeds=[1])
    assert np.array_equal(alone.trials[1].raw, result.trials[1].raw)


def test_a_design_that_was_not_moved_is_itself():
    best = np.argsort(-TASK.y, kind="stable")[:32]
    for designs in run(TASK, "update.steps=0").designs:
        assert np.array_equal(designs, TASK.x[best])


@pytest.mark.parametrize("y", [np.zeros(150), np.repeat([0.0, 1.0], 75)], ids=["constant", "two-scores"])
def test_scores_may_be_alike(y):
    task = mbo.Task("alike", TASK.x, y, space=TASK.space, replicates="keep")
    assert run(task).failed == {}


def test_numbers_are_refused():
    task = mbo.Task("numbers", np.random.default_rng(0).normal(size=(60, 3)), np.arange(60.0))
    with pytest.raises(mbo.RecipeError, match='"latent" cannot encode continuous designs'):
        run(task)


def test_the_readmes_code_runs():
    [code] = re.findall(r"^```python\n(.*?)^```", README, re.S | re.M)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["designs"].shape == (128, 6)
