"""The example of each hook runs as it stands, and an answer that is not as the hook says names its plugin."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from inspect import getdoc
from textwrap import dedent
from types import ModuleType

import numpy as np
import pytest
import torch

import mbo_core as mbo
from mbo_core.plugins import hookspecs
from mbo_core.runs.records import Candidates, Gap, Scores, TrainedProxy
from mbo_core.runs.seeds import BySeed
from mbo_core.stages import NoUpdate, OracleEvaluation

SMALL = ["proxy.epochs=1", "proxy.hidden=[4]", "proxy.held_out=0", "update.steps=1", "update.candidates=4"]
HOOKS = [name for name in vars(hookspecs) if name.startswith("mbo_")]


@dataclass(frozen=True, kw_only=True)
class Mine(NoUpdate):
    """What a plugin might offer."""

    name = "mine"


def bowl(name: str = "Mine-v0") -> mbo.Task:
    x = np.random.default_rng(0).normal(size=(30, 2))
    return mbo.Task(name, x, -(x**2).sum(1), oracle=lambda designs: -(designs**2).sum(1))


def run(plugin: object, task: str | mbo.Task | None = None) -> mbo.Result:
    return mbo.run("coms", task or bowl(), seeds=2, set=SMALL, plugins=[plugin])


def module(name: str, **functions: object) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(functions)
    return made


@pytest.fixture(autouse=True)
def author(monkeypatch):
    """The package of a plugin's author, from which the examples import."""
    modules = {
        "mine": {},
        "mine.update": {"Mine": Mine},
        "mine.table": {"load": bowl},
        "mine.laboratory": {"measure": lambda designs: designs.sum(1)},
    }
    for name, functions in modules.items():
        monkeypatch.setitem(sys.modules, name, module(name, **functions))


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_a_hook_runs(hook):
    [block] = re.findall(r"::\n\n((?: {4,}.*\n|\n)+)", getdoc(getattr(hookspecs, hook)))
    plugin = module("example", hookimpl=hookspecs.hookimpl)
    exec(dedent(block), vars(plugin))
    result = run(plugin, "Mine-v0" if hook == "mbo_tasks" else None)
    assert result.status == "done"
    if hook == "mbo_evaluate":
        np.testing.assert_allclose(result.trials[1].scores["raw"], result.designs[1].sum(1))


def answering(hook: str, wrong) -> ModuleType:
    """A plugin that wraps a hook and returns something else, around one that only hands on."""

    def wrapper(run):
        return wrong((yield))

    def silent(run):
        return (yield)

    mark = hookspecs.hookimpl(wrapper=True, tryfirst=True, specname=hook)
    return module("wrong", mine=mark(wrapper), also=hookspecs.hookimpl(wrapper=True, specname=hook)(silent))


def scored(**scores) -> Scores:
    return Scores({0: scores, 1: {"raw": np.ones(4)}})


def moved(found: Candidates, **changes) -> Candidates:
    return replace(found, **changes)


WRONG = [
    ("mbo_train_proxy", lambda right: None, "is of type NoneType, not TrainedProxy"),
    ("mbo_train_proxy", lambda right: TrainedProxy(right.states.only([])), "is for none of the seeds"),
    ("mbo_train_proxy", lambda right: replace(right, failed={7: "lost"}), "is for the seeds 7, which were not asked"),
    (
        "mbo_train_proxy",
        lambda right: replace(right, failed={1: "lost"}),
        "lists the seeds 1 both as failed and with a result",
    ),
    ("mbo_train_proxy", lambda right: TrainedProxy(BySeed((0,), right.states.lifted)), "has 2 states for 1 seeds"),
    ("mbo_mine_adversary", lambda right: right.by_seed, "is of type dict, not Gap"),
    ("mbo_mine_adversary", lambda right: Gap({0: 0.5}), "is not for the seeds 0, 1"),
    ("mbo_mine_adversary", lambda right: Gap({0: torch.ones(()), 1: None}), "a gap that is neither a float nor None"),
    ("mbo_update_solution", lambda right: moved(right, seeds=(0,)), "says nothing of the seeds 1"),
    ("mbo_update_solution", lambda right: moved(right, x=right.x[:1]), "x of shape (1, 4, 2), not (2, n, 2)"),
    ("mbo_update_solution", lambda right: moved(right, x=right.x * torch.nan), "designs x that are not finite"),
    ("mbo_update_solution", lambda right: moved(right, raw=right.raw[0]), "raw of shape (4, 2), not (2, 4, 2)"),
    ("mbo_update_solution", lambda right: moved(right, predicted=np.ones(4)), "predicted of shape (4,), not (2, 4)"),
    ("mbo_evaluate", lambda right: {0: np.ones(4)}, "is of type dict, not Scores"),
    ("mbo_evaluate", lambda right: scored(normalised=np.ones(4)), "has no score `raw` of seed 0"),
    ("mbo_evaluate", lambda right: scored(raw=np.ones(3)), "has `raw` of seed 0 of shape (3,), not (4)"),
    ("mbo_evaluate", lambda right: scored(raw=np.full(4, np.nan)), "that is not finite floats"),
    ("mbo_evaluate", lambda right: scored(raw=torch.ones(4)), "of type Tensor, neither an array nor 4 texts"),
]


@pytest.mark.parametrize(("hook", "wrong", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_a_wrong_answer_names_its_plugin(hook, wrong, message):
    with pytest.raises(mbo.MboError) as refused:
        run(answering(hook, wrong))
    assert message in refused.value.message
    assert refused.value.message.startswith(f"{hook}: the answer of plugin wrong (given 1) ")
    assert "--without" in refused.value.hint


@dataclass(frozen=True, kw_only=True)
class InTorch(OracleEvaluation):
    """Scores as tensors."""

    name = "in-torch"

    def score(self, designs, task):
        return {"raw": torch.zeros(len(designs))}


def test_a_stages_wrong_answer_blames_no_plugin():
    plugin = module("offering", mbo_stages=hookspecs.hookimpl(lambda: [InTorch]))
    with pytest.raises(mbo.MboError) as refused:
        mbo.run("coms", bowl(), seeds=1, set=[*SMALL, "evaluation.use='in-torch'"], plugins=[plugin])
    assert refused.value.message.startswith("mbo_evaluate: the answer has `raw` of seed 0 of type Tensor")
    assert "fix the stage" in refused.value.hint
