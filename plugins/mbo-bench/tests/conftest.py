"""A bench of toys: an engine in this process in place of workers, and the command."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner
from mbo_bench.engines import local
from mbo_bench.engines.job import Job, Setting

from mbo_core.cli import main

TOY = Path(__file__).with_name("toy.py")
RECIPE = '[method]\nname = "{name}"\n[update]\nuse = "wander"\n{options}\n[preset.far.update]\nfar = 2.0\n'


class Inline:
    """An engine that runs a cell in this process when it is asked for what has ended."""

    killed: ClassVar[deque[int]] = deque()
    """Statuses of the next processes that are killed before they do anything."""

    def __init__(self, setting: Setting, workers: int) -> None:
        self.setting, self.workers, self.waiting = setting, workers, deque()
        self.registry = setting.registry()

    def free(self):
        return self.workers - len(self.waiting)

    def submit(self, cell):
        self.waiting.append(cell)

    def ended(self, timeout):
        if not self.waiting:
            return []
        cell = self.waiting.popleft()
        if self.killed:
            return [(cell, self.killed.popleft())]
        Job(self.setting, cell).go(self.registry, lambda: None)
        return [(cell, 0)]

    def close(self):
        pass


@pytest.fixture
def inline(monkeypatch):
    """No workers: cells run in this process."""
    Inline.killed.clear()
    monkeypatch.setattr(local, "Local", Inline)
    return Inline


@pytest.fixture(scope="module")
def toys_in(tmp_path_factory):
    """A folder for several tests, with what writes a recipe there, and the command without workers."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "Local", Inline)
        yield folder, writer(folder), command(folder)


@pytest.fixture
def toy():
    """The file of the toys."""
    return TOY


@pytest.fixture
def recipe(tmp_path):
    """Writes a recipe, and gives its path."""

    return writer(tmp_path)


def writer(folder):
    def written(name="near", options=""):
        path = folder / f"{name}.toml"
        path.write_text(RECIPE.format(name=name, options=options))
        return path

    return written


@pytest.fixture
def mbo(tmp_path):
    """`mbo bench` in this process, with the toys."""
    return command(tmp_path)


def command(folder):
    def run(*arguments, out=folder / "out"):
        given = ["bench", *map(str, arguments), "--plugin", str(TOY), "--out", str(out)]
        return CliRunner().invoke(main, given)

    return run
