"""`mbo bench`: what is missing is run, and nothing else."""

from __future__ import annotations

import json

import pytest
from mbo_bench.durable import claims
from mbo_bench.durable.folder import Bench
from mbo_bench.engines import driver

import mbo_core as library
from mbo_core.runs.store import Folder

BOTH = ("--tasks", "Bowl,Letters", "--seeds", "4", "--seeds-per-cell", "2")


@pytest.fixture(autouse=True)
def _in_process(inline):
    pass


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def events(out):
    return [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]


def count(out, event):
    return sum(one["event"] == event for one in events(out))


def test_each_cell_is_a_run(mbo, recipe, out):
    done = mbo("--methods", recipe(), *BOTH)
    assert done.exit_code == 0, done.output
    assert done.stdout == "4 of 4 cells done\n"
    for folder in (out / "cells").iterdir():
        record = Folder(folder / "run").load_record()
        assert (record["status"], record["run"], len(record["seeds"])) == ("done", str(folder / "run"), 2)
        assert Folder(folder / "run").faults() == []
        scores = json.loads((folder / "cell.json").read_text())["scores"]["normalised"]
        assert scores["100th"] == record["scores"]["normalised"]["100th"]
        assert len(scores["80th"]) == 2
    assert not any(list((out / name).iterdir()) for name in ("attempts", "claims", "logs"))


def test_a_cell_repeats_by_its_recipe(mbo, recipe, out, toy):
    mbo("--methods", recipe(), "--tasks", "Bowl", "--seeds", "3,")
    [folder] = (out / "cells").iterdir()
    stored = library.load(folder / "run", registry=library.installed().including([toy]))
    again = library.run(folder / "run/recipe.toml", plugins=[toy])
    assert (again.designs == stored.designs).all()


def test_the_same_command_runs_what_is_missing(mbo, recipe, out):
    mbo("--methods", recipe(), *BOTH)
    mbo("--methods", recipe(), *BOTH)
    assert count(out, "started") == 4
    more = mbo("--methods", recipe(), "--tasks", "Bowl,Letters", "--seeds", "6", "--seeds-per-cell", "2")
    assert more.stdout == "6 of 6 cells done\n"
    assert count(out, "started") == 6


def test_a_failure_is_named_and_not_repeated(mbo, recipe, out):
    arguments = ("--methods", f"{recipe()},{recipe('bad', 'fails = true')}", "--tasks", "Bowl", "--seeds", "2")
    done = mbo(*arguments)
    assert done.exit_code == 1
    assert "failed: bad on Bowl, seeds 0..1: RuntimeError: lost its way" in done.stderr
    assert "lost its way" in done.stderr
    again = mbo(*arguments)
    assert (again.exit_code, count(out, "started")) == (1, 2)
    assert again.stdout == "1 of 2 cells done, 1 failed\n"
    mbo(*arguments, "--retry-failed")
    assert (count(out, "started"), count(out, "failed")) == (3, 2)


def test_a_lost_cell_is_run_again(mbo, recipe, out, inline):
    inline.killed.extend([-9])
    done = mbo("--methods", recipe(), "--tasks", "Bowl")
    assert done.exit_code == 0, done.output
    assert "killed by signal 9" in done.stderr
    assert [one["event"] for one in events(out)] == ["lost", "started", "done"]


def test_a_cell_lost_twice_has_failed(mbo, recipe, out, inline):
    inline.killed.extend([-9, -9])
    done = mbo("--methods", recipe(), "--tasks", "Bowl")
    assert (done.exit_code, [one["event"] for one in events(out)]) == (1, ["lost", "failed"])
    assert mbo("--methods", recipe(), "--tasks", "Bowl", "--retry-failed").exit_code == 0


def test_a_lost_retry_leaves_a_failure(mbo, recipe, out):
    arguments = ("--methods", recipe("bad", "fails = true"), "--tasks", "Bowl", "--seeds", "2")
    mbo(*arguments)
    bench = Bench.open(out)
    bench.ledger.append("lost", bench.expected()[0].key)
    again = mbo(*arguments)
    assert (again.exit_code, again.stdout) == (1, "0 of 1 cells done, 1 failed\n")


def test_a_lost_retry_is_tried_again(mbo, recipe, out, inline):
    arguments = ("--methods", recipe("bad", "fails = true"), "--tasks", "Bowl", "--seeds", "2")
    mbo(*arguments)
    inline.killed.extend([-9])
    mbo(*arguments, "--retry-failed")
    assert [one["event"] for one in events(out)] == ["started", "failed", "lost", "started", "failed"]


@pytest.mark.parametrize("option", ["--seeds", "--seeds-per-cell"])
def test_zero_is_refused(mbo, recipe, option):
    refused = mbo("--methods", recipe(), "--tasks", "Bowl", option, "0")
    assert refused.exit_code == 2
    assert "0" in refused.output


def test_a_cell_of_another_driver_is_left(mbo, recipe, out, monkeypatch):
    """This driver waits, and looks again."""
    mbo("--methods", recipe(), "--tasks", "Bowl", "--budget", "0s")
    [cell] = Bench.open(out).expected()
    claim, looks = claims.take(out / "claims", cell.key), []
    held = claims.held

    def look(folder, name):
        looks.append(name)
        if len(looks) == 3:
            claim.release()
        return held(folder, name)

    monkeypatch.setattr(driver.claims, "held", look)
    assert mbo("--methods", recipe(), "--tasks", "Bowl").exit_code == 0
    assert (count(out, "started"), len(looks) >= 3) == (1, True)


def test_ctrl_c_keeps_what_is_finished(mbo, recipe, out, inline, monkeypatch):
    run, cells = inline.ended, []

    def stopped(self, timeout):
        cells.append(run(self, timeout))
        if len(cells) == 2:
            raise KeyboardInterrupt
        return cells[-1]

    with monkeypatch.context() as patch:
        patch.setattr(inline, "ended", stopped)
        done = mbo("--methods", recipe(), *BOTH)
    assert (done.exit_code, "interrupted: 2 of 4 cells done" in done.stderr) == (130, True)
    assert mbo("--methods", recipe(), *BOTH).exit_code == 0
    assert count(out, "started") == 4


def test_a_spent_budget_starts_nothing(mbo, recipe, out):
    done = mbo("--methods", recipe(), *BOTH, "--budget", "0s")
    assert (done.exit_code, done.stdout) == (0, "0 of 4 cells done, 4 to do\n")
    assert not (out / "ledger.jsonl").exists()


def test_changed_data_are_noticed(mbo, recipe, out, monkeypatch):
    from mbo_bench.engines import job

    monkeypatch.setattr(job, "data_digest", lambda task: "other")
    done = mbo("--methods", recipe(), "--tasks", "Bowl")
    assert done.exit_code == 1
    assert "its data, recipe or plugins differ" in done.stderr
    assert not list((out / "cells").iterdir())


def test_a_dry_run_runs_nothing(mbo, recipe, out):
    fresh = mbo("--methods", recipe(), *BOTH, "--dry-run")
    assert "4 cells, 4 to be run" in fresh.stdout
    assert not out.exists()
    mbo("--methods", recipe(), *BOTH)
    more = mbo("--methods", f"{recipe()},{recipe('bad', 'fails = true')}", *BOTH, "--dry-run", "--json")
    found = json.loads(more.stdout)
    assert [one["state"] for one in found["cells"]].count("missing") == 4
    assert (found["measured"], found["unknown"]) == (4, 4)


def test_equal_recipes_share_their_cells(mbo, tmp_path, recipe, out):
    recipe()
    (tmp_path / "grid.toml").write_text(
        'tasks = ["Bowl"]\nmethods = ["near.toml"]\n[method.twin]\nrecipe = "near.toml"'
    )
    assert mbo(tmp_path / "grid.toml").stdout == "1 of 1 cells done\n"


def test_a_full_disk_loses_nothing(mbo, recipe, out, monkeypatch):
    import mbo_core.runs.store as store

    mbo("--methods", recipe(), "--tasks", "Bowl")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store.os, "replace", full)
        done = mbo("--methods", recipe(), *BOTH)
    assert done.exit_code == 1
    assert "No space left on device" in done.output
    assert mbo("--methods", recipe(), *BOTH, "--retry-failed").exit_code == 0
