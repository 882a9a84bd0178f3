"""Real workers, killed at random moments: afterwards exactly the expected cells exist, each once and whole."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from mbo_bench.durable.folder import Bench
from mbo_bench.engines import isolation

import mbo_core as library

TOY = Path(__file__).with_name("toy.py")
CELLS = 8

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")]


@pytest.fixture
def command(recipe, tmp_path):
    """The command of a bench of a few cells of 0.3 s, as a process of its own."""
    path = recipe("near", "wait = 0.3")
    code = "from mbo_core.cli import main; main()"
    what = ["--methods", path, "--tasks", "Bowl,Letters", "--seeds", CELLS, "--seeds-per-cell", "2"]
    rest = ["--plugin", TOY, "--out", tmp_path / "out", "--workers", "2"]

    running = []

    def start():
        words = [sys.executable, "-c", code, "bench", *map(str, [*what, *rest])]
        with (tmp_path / f"log-{len(running)}").open("wb") as log:
            running.append(subprocess.Popen(words, stdout=log, stderr=log))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def events(out):
    path = out / "ledger.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def until(condition, seconds=300.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def started(out, count=1):
    until(lambda: sum(one["event"] == "started" for one in events(out)) >= count)
    time.sleep(random.Random(0).uniform(0, 0.3))


def check(out):
    """Each expected cell is there once, whole, and was done once."""
    bench = Bench.open(out)
    keys = {cell.key for cell in bench.expected()}
    assert bench.finished() == keys
    assert len(keys) == CELLS
    done = Counter(one["cell"] for one in events(out) if one["event"] == "done")
    assert done == Counter(keys)
    registry = library.installed().including([TOY])
    for key in keys:
        assert library.load(bench.run(key), registry=registry).status == "done"
    assert not any(list((out / name).iterdir()) for name in ("attempts", "claims"))


def children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_driver_loses_nothing(command, out):
    first = command()
    started(out, 3)
    workers = children(first.pid)
    first.kill()
    first.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert len(Bench.open(out).finished()) < CELLS
    again = command()
    assert again.wait() == 0
    check(out)


def test_killed_cells_and_workers_lose_nothing(command, out):
    driver = command()
    started(out)
    os.kill(events(out)[0]["pid"], signal.SIGKILL)
    started(out, 4)
    os.kill(children(driver.pid)[0], signal.SIGKILL)
    assert driver.wait() == 0
    reasons = [one["reason"] for one in events(out) if one["event"] == "lost"]
    assert 1 <= len(reasons) <= 2  # the worker may have been between two cells
    assert all("killed by signal 9" in one for one in reasons)
    check(out)


def test_two_drivers_share_the_cells(command, out, tmp_path):
    both = [command(), command()]
    assert [one.wait() for one in both] == [0, 0]
    for log in ("log-0", "log-1"):
        assert f"{CELLS} of {CELLS} cells done" in (tmp_path / log).read_text()
    check(out)


def test_workers_give_what_one_process_gives(command, out, recipe, mbo, inline, tmp_path):
    assert command().wait() == 0
    what = ("--tasks", "Bowl,Letters", "--seeds", CELLS, "--seeds-per-cell", "2")
    mbo("--methods", recipe("near", "wait = 0.3"), *what, out=tmp_path / "alone")
    for key in Bench.open(out).finished():
        files = [folder / "cells" / key / "cell.json" for folder in (out, tmp_path / "alone")]
        assert len({json.dumps(json.loads(file.read_text())["designs"]) for file in files}) == 1


def test_without_fork_each_cell_is_an_interpreter(recipe, out, toy, monkeypatch):
    """As where a library has started a thread at its import."""
    from mbo_bench.engines.job import Job, Setting
    from mbo_bench.grid.planning import cells
    from mbo_bench.grid.reading import read_grid

    monkeypatch.setattr(isolation, "can_fork", lambda: False)
    registry = library.installed().including([toy])
    [cell] = cells(read_grid(None, {"methods": [str(recipe())], "tasks": ["Bowl"], "seeds": 1}, registry), registry)
    bench = Bench.create(out)
    status = isolation.in_own_process(Job(Setting(str(out), (str(toy),)), cell), registry, bench.log(cell.key))
    assert (status, bench.finished()) == (0, {cell.key})
