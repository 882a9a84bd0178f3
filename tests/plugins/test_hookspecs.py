"""The example of each hook runs as it stands, and an answer that is not as the hook says names its plugin."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
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
from mbo_core.runs.unchanged import checksum
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


def run(plugin: object, task: str | mbo.Task | None = None, plugins: Sequence[object] = (), **named) -> mbo.Result:
    return mbo.run("coms", task or bowl(), seeds=2, set=SMALL, plugins=[plugin, *plugins], **named)


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


def spoils_table(run):
    run.task.table.x.setflags(write=True)
    run.task.table.x[3] = 0.5
    run.task.table.x.setflags(write=False)


SPOILT = [
    ("mbo_train_proxy", lambda run: run.encoded.y.neg_(), "the encoded data"),
    ("mbo_train_proxy", lambda run: run.encoded.x.copy_(run.encoded.x.flip(0)), "the encoded data"),
    ("mbo_mine_adversary", lambda run: run.encoded.raw.zero_(), "the encoded data"),
    ("mbo_update_solution", spoils_table, "the task's table"),
    ("mbo_evaluate", lambda run, candidates: candidates.raw.fill(0.0), "the candidates"),
    ("mbo_evaluate", lambda run, candidates: candidates.x.zero_(), "the candidates"),
]


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("hook", "spoil", "what"), SPOILT, ids=range(len(SPOILT)))
def test_a_wrapper_changes_no_data(hook, spoil, what, late):
    arguments = "run, candidates" if hook == "mbo_evaluate" else "run"
    first, then = ("None", f"spoil({arguments})") if late else (f"spoil({arguments})", "None")
    text = f"def bad({arguments}):\n    {first}\n    answer = yield\n    {then}\n    return answer"
    names = {"spoil": spoil}
    exec(text, names)
    mark = hookspecs.hookimpl(wrapper=True, specname=hook)
    fine = hookspecs.hookimpl(wrapper=True, tryfirst=True, specname=hook)(lambda: (yield))
    with pytest.raises(mbo.MboError) as refused:
        run(module("fine", fine=fine), plugins=[module("bad", bad=mark(names["bad"]))])
    assert refused.value.message == f"{hook}: plugin bad (given 2) changed {what} in place"


def test_a_large_array_is_checked_in_every_number(monkeypatch):
    monkeypatch.setattr("mbo_core.runs.unchanged.WHOLE", 64)
    array = np.random.default_rng(0).normal(size=(50, 7))
    known = checksum(array)
    for place in np.ndindex(array.shape):
        other = array.copy()
        other[place] += 1e-9
        assert checksum(other) != known
    assert checksum(array.copy()) == known


def test_another_working_directory_splits_no_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "else").mkdir()

    @hookspecs.hookimpl(wrapper=True)
    def mbo_train_proxy():
        os.chdir(tmp_path / "else")
        return (yield)

    run(module("wanders", mbo_train_proxy=mbo_train_proxy), out="mine", cache="kept")
    assert (tmp_path / "mine" / "seeds" / "1" / "designs.csv").exists()
    assert list((tmp_path / "else").iterdir()) == []


def test_a_plugins_import_changes_no_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wanders.py").write_text("import os\nos.chdir('/')\nfrom mbo_core import hookimpl\n" + OFFERS_NONE)
    mbo.installed().including(["wanders.py"])
    assert os.getcwd() == str(tmp_path)


OFFERS_NONE = "@hookimpl\ndef mbo_tasks():\n    return []\n"


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
