"""`mbo run --resume`, signals, output that cannot be written, and `mbo show --verify`."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stopping
from click.testing import CliRunner
from stopping import files

from mbo_core.cli import main
from mbo_core.cli.stopping import Stopped, stoppable
from mbo_core.runs.condition import PROGRESS
from mbo_core.runs.job import Job
from mbo_core.runs.store import to_json

RECIPE = '[proxy]\nuse = "line"\n[update]\nuse = "drift"\n'
PLUGIN = ["--plugin", stopping.__file__]


def mbo(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def command(tmp_path, monkeypatch):
    """A command that takes part of a second, without its folder."""
    (tmp_path / "mine.toml").write_text(RECIPE)
    monkeypatch.setattr("mbo_core.runs.seeds.AT_ONCE", 1)
    return ["run", tmp_path / "mine.toml", "--task", "Quadratic2D-Exact-v0", "--seeds", "3", *PLUGIN]


@pytest.fixture
def interrupted(command, tmp_path, monkeypatch):
    """The folder of a run with one of three seeds."""

    real = Job._one

    def stop(job, hooks, run):
        if run.seeds == (1,):
            raise KeyboardInterrupt
        real(job, hooks, run)

    with monkeypatch.context() as patch:
        patch.setattr(Job, "_one", stop)
        done = mbo(*command, "--out", tmp_path / "run")
    assert done.exit_code == 130, done.output
    assert "interrupted; kept: 1 of 3 seeds" in done.stderr
    assert f"hint: continue with mbo run --resume {tmp_path / 'run'}" in done.stderr
    return tmp_path / "run"


@pytest.mark.parametrize("way", ["resume", pytest.param("again", marks=pytest.mark.slow)])
def test_a_run_goes_on(way, interrupted, command, tmp_path):
    """It finds its plugin again; the preset and what was set are known."""
    shown = mbo("show", interrupted).stdout.replace("\n", "")
    assert f"interrupted; 1 of 3 seeds kept; continue with mbo run --resume {interrupted}" in shown
    done = mbo("run", "--resume", interrupted) if way == "resume" else mbo(*command, "--out", interrupted)
    assert done.exit_code == 0, done.output
    mbo(*command, "--out", tmp_path / "whole")
    assert files(interrupted) == files(tmp_path / "whole")
    again = mbo("run", "--resume", interrupted)
    assert (again.exit_code, "is complete, there is nothing to continue" in again.output) == (1, True)


def test_another_command_is_refused(interrupted, command):
    refused = mbo(*command, "--set", "proxy.refit=false", "--out", interrupted)
    assert refused.exit_code == 1
    assert "holds an unfinished run that differs: proxy.refit is False, was True" in refused.output
    assert (interrupted / PROGRESS).exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--resume", "none"], 1, "none holds no run to continue"),
        (["--resume", ""], 2, "--resume is empty"),
        (["--resume", "a", "--out", "b"], 2, "--out and --resume name two folders"),
        ([], 2, "Missing argument 'RECIPE'"),
    ],
    ids=["missing", "empty", "two", "nothing"],
)
def test_nothing_to_continue_is_told(arguments, code, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = mbo("run", *arguments)
    assert (done.exit_code, words in done.output) == (code, True), done.output


def test_files_are_verified(interrupted):
    mbo("run", "--resume", interrupted)
    whole = mbo("show", interrupted, "--verify")
    assert (whole.exit_code, "files are as they were written" in whole.stdout) == (0, True)
    designs, record = interrupted / "seeds/1/designs.csv", interrupted / "run.json"
    designs.write_bytes(designs.read_bytes() + b"1")
    (interrupted / "seeds/2/steps.csv").unlink()
    (interrupted / "other").write_text("")
    record.write_text(to_json({**json.loads(record.read_text()), "status": "failed"}))
    wrong = mbo("show", interrupted, "--verify", "--json")
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["faults"] == [
        "run.json: changed since it was written",
        "seeds/1/designs.csv: changed since it was written",
        "seeds/2/steps.csv: missing",
        "other: not in the record",
    ]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_are_taken_as_ctrl_c(name):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # under nohup it is ignored
    try:
        with pytest.raises(Stopped) as raised, stoppable():
            signal.raise_signal(number)
        assert raised.value.exit_code == 128 + number
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def spawned(*arguments, **options):
    """The command in a process of its own, with checkpoints at every step."""
    environment = {**os.environ, "MBO_CHECKPOINT_SECONDS": "0", "PYTHONUNBUFFERED": "1"}
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); "  # under nohup it is ignored
    code += "import sys, mbo_core.runs.seeds as seeds; seeds.AT_ONCE = 1; from mbo_core.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.slow
def test_output_that_cannot_be_written_is_one_line(command, tmp_path):
    """The run is stored."""
    for option in ([], ["--json"]):
        folder = tmp_path / f"run{len(option)}"
        with Path("/dev/full").open("w") as full:
            running = spawned(*command, *option, "--out", folder, stdout=full)
            said = running.communicate(timeout=120)[1]
        assert running.returncode == 1
        assert said == f"Error: cannot write the output: No space left on device; the run is stored in {folder}\n"
        assert json.loads((folder / "run.json").read_text())["status"] == "done"


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_the_same(command, tmp_path):
    """`tests/reliability/kills.py` has other signals, and more of each."""
    draw, folder = random.Random(0), tmp_path / "run"
    command[command.index("3")] = "8"
    mbo(*command, "--out", tmp_path / "whole")
    killed = 0
    for _ in range(3):
        running = spawned(*command, "--out", folder, stdout=subprocess.DEVNULL)
        while not (folder / "run.json").exists() and running.poll() is None:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.5))
        running.kill()
        running.communicate(timeout=120)
        killed += running.returncode != 0
        for path in folder.rglob("*.json"):
            json.loads(path.read_text() or "{}")
    assert killed
    if (folder / PROGRESS).exists():
        done = mbo("run", "--resume", folder)
        assert done.exit_code == 0, done.output
    assert files(folder) == files(tmp_path / "whole")
    assert mbo("show", folder, "--verify").exit_code == 0
    assert not list(folder.rglob("*.part"))
