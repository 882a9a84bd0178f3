"""A folder belongs to one living run, and the dead are known as dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from threading import Barrier, Thread

import pytest
from click.testing import CliRunner
from stopping import files, run, stopped

import mbo_core as mbo
from mbo_core.cli import main
from mbo_core.errors import StoreError
from mbo_core.runs import lock
from mbo_core.runs.lock import LOCK, Lock, alive

HOLDER = """
import os, sys, time
from pathlib import Path
from mbo_core.runs.lock import Lock
held = Lock.take(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_folder_in_use_is_refused(holder, tmp_path):
    with pytest.raises(StoreError, match=f"is in use by process {holder.pid} on .* since 20"):
        Lock.take(tmp_path)
    assert alive(tmp_path)


def test_the_lock_of_the_dead_is_free(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert not alive(tmp_path)
    Lock.take(tmp_path).release()
    assert not (tmp_path / LOCK).exists()


@pytest.mark.parametrize("round", range(3))
def test_of_two_at_once_one_gets_it(round, tmp_path):
    """Also of a folder that a dead run left."""
    if round:
        (tmp_path / LOCK).write_text("{}")
    start, got = Barrier(4), []

    def take() -> None:
        start.wait()
        try:
            got.append(Lock.take(tmp_path))
        except StoreError:
            got.append(None)

    threads = [Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert sum(one is not None for one in got) == 1
    next(one for one in got if one).release()


def test_another_machine_is_judged_by_its_heartbeat(tmp_path):
    path = tmp_path / LOCK
    path.write_text(json.dumps({"host": "elsewhere", "process": 1, "since": "2021"}))
    assert alive(tmp_path)
    with pytest.raises(StoreError, match="in use by process 1 on elsewhere since 2021"):
        Lock.take(tmp_path)
    os.utime(path, (0, time.time() - lock.SILENT - 1))
    assert not alive(tmp_path)
    Lock.take(tmp_path).release()


def test_without_system_locks_the_heartbeat_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_locked", lambda handle, how: None)
    held = Lock.take(tmp_path)
    assert alive(tmp_path)
    with pytest.raises(StoreError, match="is in use by process"):
        Lock.take(tmp_path)
    os.utime(tmp_path / LOCK, (0, time.time() - lock.SILENT - 1))
    assert not alive(tmp_path)
    Lock.take(tmp_path).release()
    held.release()


def test_a_look_does_not_refuse_a_start(tmp_path, monkeypatch):
    looks = iter([False, True])
    monkeypatch.setattr(lock, "_locked", lambda handle, how: next(looks))
    Lock.take(tmp_path).release()


def test_a_foreign_folder_with_a_lock_stays_untouched(tmp_path):
    for name in (LOCK, "mine.txt"):
        (tmp_path / name).write_text("")
    with pytest.raises(StoreError, match="exists and is not an empty folder"):
        run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LOCK, "mine.txt"]


def test_the_heart_beats(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT", 0.01)
    held = Lock.take(tmp_path)
    os.utime(tmp_path / LOCK, (0, 0))
    until = time.monotonic() + 10
    while not (tmp_path / LOCK).stat().st_mtime and time.monotonic() < until:
        time.sleep(0.01)
    assert time.time() - (tmp_path / LOCK).stat().st_mtime < 60
    held.release()


def test_a_folder_of_other_files_stays_untouched(tmp_path):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(StoreError, match="exists and is not an empty folder"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_run_that_died_early_starts_again(tmp_path):
    (tmp_path / LOCK).write_text("")
    (tmp_path / "recipe.toml").write_text("half")
    run(tmp_path, seeds=1)
    assert "seeds/0/designs.csv" in files(tmp_path)


def dead(folder) -> None:
    """Make an interrupted run look like one that was killed."""
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "status": "running"}))
    (folder / LOCK).write_text("{}")


def test_a_dead_run_is_shown_as_stopped(tmp_path):
    stopped(tmp_path, 9)
    dead(tmp_path)
    os.utime(tmp_path / LOCK, (0, time.mktime((2021, 7, 17, 12, 3, 0, 0, 0, -1))))
    said = " ".join(CliRunner().invoke(main, ["show", str(tmp_path)]).stdout.split())
    assert "status: stopped without a word at 2021-07-17 12:03; 0 of 3 seeds kept; continue with mbo.run(" in said
    assert json.loads(CliRunner().invoke(main, ["show", str(tmp_path), "--json"]).stdout)["status"] == "stopped"


def test_a_living_run_is_shown_as_running(tmp_path):
    folder = tmp_path / "run"
    stopped(folder, 9)
    dead(folder)
    held = Lock.take(folder)
    try:
        assert "status: running, last sign of life at" in CliRunner().invoke(main, ["show", str(folder)]).stdout
        with pytest.raises(StoreError, match="is in use by process"):
            run(folder)
    finally:
        held.release()


@pytest.mark.parametrize("option", ["out", "cache"])
def test_an_empty_path_is_refused(option):
    with pytest.raises(mbo.RecipeError, match=f"{option} is empty"):
        mbo.run("coms", "none", **{option: ""})
    for path in ("", "  "):
        refused = CliRunner().invoke(main, ["run", "coms", f"--{option}", path])
        assert refused.exit_code == 2
        assert f"--{option} is empty" in refused.output
