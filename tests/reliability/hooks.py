"""Hostile plugins: hooks, offers, oracles and stages that raise, lie, exit or return nonsense.

Each is run by the command line. It may be refused, or the run may fail; it must not succeed in silence, and an
exception that a plugin raises must be told with the plugin's name.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click
from click.testing import CliRunner
from tally import Tally, main

from mbo_core.cli import main as program
from mbo_core.plugins.registry import _installed

HEAD = """
import numpy as np, torch, click
from dataclasses import dataclass, replace
from mbo_core import Task, TaskInfo, TaskOffer, hookimpl, StageOffer
from mbo_core.runs.records import Candidates, Gap, Scores, TrainedProxy
from mbo_core.stages import NoUpdate, OracleEvaluation, NoProxy
X = np.random.default_rng(0).normal(size=(40, 2))
def score(x): return -(x**2).sum(1)
def load(): return Task("T-v0", X, score(X), oracle=score)
@hookimpl
def mbo_tasks(): return [TaskOffer("T-v0", "continuous", TaskInfo("a bowl"), load)]
class Bad(Exception):
    def __str__(self): raise SystemExit(0)
    __repr__ = __str__
class Base(BaseException): pass
"""
HOOKS = {
    "mbo_train_proxy": "run",
    "mbo_mine_adversary": "run, proxy",
    "mbo_update_solution": "run, proxy",
    "mbo_evaluate": "run, candidates",
}
ENDS = ("raise SystemExit(0)", "raise GeneratorExit", "raise Base", "raise click.exceptions.Exit(0)", "raise Bad")
ANSWERS = {
    "mbo_train_proxy": (
        "5",
        "{}",
        "replace(answer, failed={0: 5})",
        "replace(answer, failed=None)",
        "replace(answer, states=None)",
        "replace(answer, cached=(9,))",
        "replace(answer, held_out={0: 1})",
        "TrainedProxy(answer.states.only([]))",
    ),
    "mbo_mine_adversary": ("0.5", "Gap(None)", "Gap({})", "Gap({0: 'wide', 1: 0.1})", "Gap({0: float('nan'), 1: 'x'})"),
    "mbo_update_solution": (
        "replace(answer, x=None)",
        "replace(answer, x=answer.x.numpy())",
        "replace(answer, x=answer.x * float('inf'))",
        "replace(answer, raw=None)",
        "replace(answer, raw=answer.raw.tolist())",
        "replace(answer, raw=answer.raw * np.nan)",
        "replace(answer, raw=answer.raw.astype(str))",
        "replace(answer, raw=answer.raw.astype(complex))",
        "replace(answer, predicted='high')",
        "replace(answer, predicted=np.full(answer.raw.shape[:2], 'a'))",
        "replace(answer, seeds=('0', '1'))",
        "replace(answer, seeds=(0, 0))",
        "replace(answer, origin=np.zeros(3))",
        "replace(answer, failed=['x'])",
    ),
    "mbo_evaluate": (
        "Scores({0: None, 1: None})",
        "Scores([])",
        "Scores({0: {'raw': None}})",
        "Scores({0: {'raw': np.ones(4, complex)}, 1: {'raw': np.ones(4)}})",
        "Scores({0: {'raw': np.ones(4), 5: np.ones(4)}, 1: {'raw': np.ones(4)}})",
        "Scores({0: {'raw': ['a'] * 4}, 1: {'raw': ['a'] * 4}})",
        "Scores({0: {'raw': np.ones(4), 'normalised': ['a'] * 4}, 1: {'raw': np.ones(4), 'normalised': np.ones(4)}})",
        "Scores(failed={0: None, 1: 3})",
    ),
}
WRAPPER = "@hookimpl(wrapper=True)\n"
WHOLE = {
    "import exits": "raise SystemExit(0)",
    "import raises": "1 / 0",
    "a text that exits": "def load(): raise Bad",
    "load gives a number": "def load(): return 3",
    "load exits": "def load(): raise SystemExit(0)",
    "an oracle of columns": "def score(x): return -(x[:, :1] ** 2) if len(x) != 40 else -(x**2).sum(1)",
    "an oracle that exits": "def score(x):\n    if len(x) != 40: raise SystemExit(0)\n    return -(x**2).sum(1)",
    "an oracle that exits late": "def score(x):\n    if len(x) == 4: raise SystemExit(0)\n    return -(x**2).sum(1)",
    "an oracle that returns nothing": "def score(x): return -(x**2).sum(1) if len(x) == 40 else None",
    "offers a text": "@hookimpl\ndef mbo_tasks(): return ['T-v0']",
    "offers no list": "@hookimpl\ndef mbo_tasks(): return 5",
    "spoilt data": f"{WRAPPER}def mbo_train_proxy(run):\n    run.encoded.x.zero_()\n    return (yield)",
    "spoilt candidates": f"{WRAPPER}def mbo_evaluate(candidates):\n    candidates.raw[:] = 0\n    return (yield)",
    "two yields": "@hookimpl(wrapper=True)\ndef mbo_train_proxy(run):\n    yield\n    yield",
    "no yield": "@hookimpl(wrapper=True)\ndef mbo_train_proxy(run):\n    return 5",
    "an unknown hook": "@hookimpl\ndef mbo_trian_proxy(run): pass",
    "an unknown parameter": "@hookimpl\ndef mbo_train_proxy(runs): pass",
}


def cases() -> dict[str, str]:
    """The code of each plugin, by what it does."""
    found = {name: HEAD + text for name, text in WHOLE.items()}
    for hook, arguments in HOOKS.items():
        for end in ENDS:
            found[f"{hook}: {end}"] = f"{HEAD}@hookimpl\ndef {hook}({arguments}):\n    {end}\n"
        for answer in ANSWERS[hook]:
            wrapped = f"@hookimpl(wrapper=True)\ndef {hook}({arguments}):\n    answer = yield\n    return {answer}\n"
            found[f"{hook}: {answer}"] = HEAD + wrapped
    return found


def trials(count: int) -> Tally:
    """Run the first `count` hostile plugins."""
    found, before = Tally(), os.getcwd()
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        Path("bare.toml").write_text("[update]\nuse = 'none'\ncandidates = 4")
        try:
            for number, (name, text) in enumerate(list(cases().items())[:count]):
                found.case(name, lambda text=text, number=number: _run(text, number), ("refused",))  # type: ignore[misc]
        finally:
            os.chdir(before)
            _installed.cache_clear()
    return found


def _run(text: str, number: int) -> None:
    name = f"hostile{number}.py"
    Path(name).write_text(text)
    out = ["--out", f"run{number}", "--plugin", name]
    done = CliRunner().invoke(program, ["run", "bare.toml", "--task", "T-v0", "--seeds", "2", *out])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code in {0, 130}:
        return
    told = done.output
    if "hostile" not in told and "T-v0" not in told:
        raise RuntimeError(f"nobody is named: {told[-300:]}")
    raise click.ClickException(told)


if __name__ == "__main__":
    main(trials, small=len(cases()), full=len(cases()))
