"""Each stage of a stored run has its row, and no timing costs a run."""

from __future__ import annotations

import csv
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import mbo_timer
import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.errors import StoreError
from mbo_core.plugins import hookspecs

HOOKS = ["mbo_train_proxy", "mbo_mine_adversary", "mbo_update_solution", "mbo_evaluate"]
X = np.random.default_rng(0).normal(size=(150, 2))


def go(tmp_path: Path, **arguments) -> mbo.Result:
    recipe = tmp_path / "best.toml"
    recipe.write_text("[update]\nuse = 'none'")
    return mbo.run(recipe, mbo.Task("table", X, X.sum(1)), **arguments)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "timings.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_stage_and_seed_group_has_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr("mbo_core.runs.seeds.AT_ONCE", 2)
    go(tmp_path, seeds=3, out=tmp_path / "run")
    found = rows(tmp_path / "run")
    assert [(row["hook"], row["seeds"]) for row in found] == [(hook, seeds) for seeds in ("0 1", "2") for hook in HOOKS]
    assert all(0 <= float(row["seconds"]) < 60 for row in found)


def test_the_seconds_are_those_between(tmp_path, monkeypatch):
    monkeypatch.setattr("time.perf_counter", iter(range(100)).__next__)
    go(tmp_path, seeds=1, out=tmp_path / "run")
    assert {row["seconds"] for row in rows(tmp_path / "run")} == {"1.000"}


def test_unstored_run_is_not_timed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    go(tmp_path, seeds=1)
    assert [path.name for path in tmp_path.rglob("*")] == ["best.toml"]


def test_full_disk_only_warns(tmp_path, monkeypatch, capsys):
    """The run goes on."""

    def full(path: Path, text: str) -> None:
        raise StoreError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(mbo_timer, "write", full)
    result = go(tmp_path, seeds=1, out=tmp_path / "run")
    assert result.status == "done"
    warned = capsys.readouterr().err.splitlines()
    assert len(warned) == len(HOOKS)
    assert all(line.startswith("warning: cannot write ") for line in warned)


def test_a_stage_that_raises_has_no_row(tmp_path):
    def report(phase: str, done: int, total: int) -> None:
        if phase.startswith("prepare the search"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        go(tmp_path, seeds=1, out=tmp_path / "run", report=report)
    assert [row["hook"] for row in rows(tmp_path / "run")] == HOOKS[:2]


def test_it_is_installed_as_a_plugin():
    [point] = entry_points(group=hookspecs.ENTRY_POINTS, name="timer")
    assert point.load() is mbo_timer


def test_importing_it_imports_nothing_heavy():
    code = "import sys, mbo_timer; print(*sorted({'torch', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
