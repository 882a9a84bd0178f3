"""`--plugin FILE.py`: stages, tasks and hooks of a file, without an entry point."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mbo_core.cli import main

PLUGIN = '''
from dataclasses import dataclass

import numpy as np

from mbo_core import Task, TaskInfo, TaskOffer, hookimpl
from mbo_core.stages import NoUpdate

print("imported")


@dataclass(frozen=True, kw_only=True)
class Mine(NoUpdate):
    """Proposes the best."""

    name = "mine"


def load():
    x = np.arange(400.0).reshape(200, 2)
    return Task("slope", x, x.sum(1), oracle=lambda designs: designs.sum(1))


@hookimpl
def mbo_tasks():
    return [TaskOffer("slope", "continuous", TaskInfo("the more the better"), load)]


@hookimpl(wrapper=True)
def mbo_evaluate(run):
    print("evaluated")
    return (yield)
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PLUGIN)
    Path("mine.toml").write_text('[update]\nuse = "mine"\n')
    return tmp_path


def mbo(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_a_run_uses_all_offers_of_a_file(here):
    """Stages, tasks and hooks."""
    run = mbo("run", "mine.toml", "--plugin", "mine.py", "--task", "slope", "--seeds", "2", "--out", "run")
    assert run.exit_code == 0, run.output
    assert "best in data" in run.stdout
    assert run.stderr.count("imported") == 1
    assert "evaluated" in run.stderr
    assert "run/recipe.toml --device cpu --plugin mine.py" in mbo("show", "run").stdout.replace("\n", " ")
    assert mbo("run", "run", "--out", "again").exit_code == 2
    assert mbo("run", "run", "--out", "again", "--plugin", "mine.py").exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        ["recipe", "check", "mine.toml"],
        ["recipe", "show", "mine.toml", "--resolved", "--task", "slope"],
        ["show", "mine"],
        ["list-stages"],
    ],
    ids=" ".join,
)
def test_other_commands_know_it_too(command, here):
    known = mbo(*command, "--plugin", "mine.py")
    assert known.exit_code == 0, known.output
    assert "mine" in known.stdout
    assert mbo("show", "mine").exit_code == 2


def test_a_missing_file_gives_no_traceback(here):
    refused = mbo("run", "mine.toml", "--plugin", "nine.py", "--task", "slope")
    assert refused.exit_code == 2
    assert "cannot find the plugin file nine.py" in refused.output
    assert 'did you mean "mine.py"?' in refused.output
