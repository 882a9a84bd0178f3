"""Foreign code that tries to end the program: it is named, the exit code is not 0, and Ctrl-C still works."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from mbo_core.cli import main
from mbo_core.errors import reason_of
from mbo_core.foreign import Ended, foreign, guarded
from mbo_core.plugins.registry import _installed

ENDS = {
    "SystemExit": "raise SystemExit",
    "SystemExit(0)": "raise SystemExit(0)",
    "exit": "exit()",
    "GeneratorExit": "raise GeneratorExit",
    "BaseException": "raise BaseException('none')",
    "click's Exit": "import click; raise click.exceptions.Exit(0)",
    "click's Abort": "import click; raise click.Abort",
}
PLUGIN = """
import numpy as np
from mbo_core import Task, TaskInfo, TaskOffer, hookimpl

X = np.random.default_rng(0).normal(size=(130, 2))

def fine(x):
    return -(x**2).sum(1)

def load():
    return Task("T-v0", X, fine(X), oracle=fine)

def missing():
    return None

@hookimpl
def mbo_tasks():
    return [TaskOffer("T-v0", "continuous", TaskInfo("a bowl"), load, missing)]

"""
PLACES = {
    "hook": "@hookimpl\ndef mbo_evaluate(run):\n    {end}",
    "wrapper": "@hookimpl(wrapper=True)\ndef mbo_train_proxy():\n    answer = yield\n    {end}\n    return answer",
    "offer": "@hookimpl\ndef mbo_stages():\n    {end}",
    "load": "def load():\n    {end}",
    "missing": "def missing():\n    {end}",
    "oracle": "def fine(x):\n    if x.shape != (130, 2):\n        {end}\n    return -(x**2).sum(1)",
    "cells": "def load():\n    return Task('T-v0', X, fine(X), oracle=fine, cells=cells)\ndef cells(x):\n    {end}",
    "its text": (
        "class Bad(Exception):\n    def __str__(self):\n        {end}\n    __repr__ = __str__\n"
        "def load():\n    raise Bad"
    ),
    "import": "{end}",
}


@pytest.fixture
def mbo(tmp_path, monkeypatch):
    """Runs a command with a plugin file of this text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bare.toml").write_text("[update]\nuse = 'none'")

    def invoke(text, *arguments):
        (tmp_path / "bad.py").write_text(PLUGIN + text)
        return CliRunner().invoke(main, [*arguments, "--plugin", "bad.py"])

    yield invoke
    _installed.cache_clear()


def run(mbo, text):
    return mbo(text, "run", "bare.toml", "--task", "T-v0", "--seeds", "1")


@pytest.mark.parametrize("place", [place for place in PLACES if place not in {"missing", "cells"}])
def test_what_ends_the_program_is_an_error(mbo, place):
    found = run(mbo, PLACES[place].format(end=ENDS["SystemExit(0)"]))
    assert found.exit_code not in {0, 130}
    assert "tried to end the program: SystemExit: 0" in found.output or "Bad: its text cannot be shown" in found.output
    assert "bad" in found.output or "T-v0" in found.output


def test_cells_that_end_the_program_cost_no_design(mbo, tmp_path):
    found = run(mbo, PLACES["cells"].format(end=ENDS["SystemExit(0)"]))
    assert found.exit_code == 0
    assert "`cells` of task T-v0 tried to end the program: SystemExit: 0" in " ".join(found.output.split())
    assert list(tmp_path.rglob("designs.safetensors"))


@pytest.mark.parametrize("end", ENDS)
def test_every_way_to_end_is_caught(mbo, end):
    found = run(mbo, PLACES["wrapper"].format(end=ENDS[end]))
    assert found.exit_code == 1
    assert "mbo_train_proxy: plugin bad.py (given 1) tried to end the program" in found.output
    assert "Traceback" not in found.output


@pytest.mark.parametrize("place", ["missing", "its text"])
def test_tasks_are_listed_all_the_same(mbo, place):
    text = PLACES[place].format(end="raise SystemExit")
    listed = mbo(text, "list-tasks", "--json")
    assert listed.exit_code == 0
    assert "T-v0" in listed.output


def test_an_error_outside_any_guard_is_named(mbo):
    text = "class Bad:\n    @property\n    def summary(self): raise SystemExit(0)\nTaskInfo = lambda _: Bad()\n"
    found = mbo(text + "def load(): raise SystemExit", "show", "T-v0")
    assert found.exit_code == 1
    assert "plugin bad.py (given 1)" in found.output
    assert "raised SystemExit: 0" in found.output


def test_ctrl_c_and_errors_pass():
    for error in (KeyboardInterrupt, ValueError, MemoryError):
        with pytest.raises(error), foreign("it"):
            raise error


def test_a_guarded_function_still_answers():
    assert guarded(lambda x, *, y: x + y, "it")(1, y=2) == 3
    with pytest.raises(Ended, match="it tried to end the program: Abort"):
        guarded(lambda: (_ for _ in ()).throw(click.Abort()), "it")()


def test_a_text_that_raises_is_replaced():
    class Bad(Exception):
        def __str__(self) -> str:
            raise SystemExit(0)

    assert reason_of(Bad()) == "Bad: its text cannot be shown (SystemExit)"
    assert reason_of(SystemExit()) == "SystemExit"
