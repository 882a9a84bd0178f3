"""A run that was stopped goes on where it was, and gives the same bits."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import stopping
from stopping import RECIPES, TASK, Drift, Line, Stop, X, files, run, stopped

import mbo_core as mbo
from mbo_core.errors import StoreError
from mbo_core.runs import checkpoints
from mbo_core.runs.condition import PROGRESS


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setenv(checkpoints.VARIABLE, "0")
    monkeypatch.setattr("mbo_core.runs.store._synced", lambda path: None)  # no power fails here


def scores(folder):
    record = json.loads((folder / "run.json").read_text())
    return {name: record[name] for name in ("status", "scores", "gap", "held_out", "notes", "candidates", "failed")}


@pytest.mark.parametrize("how", RECIPES)
@pytest.mark.usefixtures("every_step")
def test_stopped_at_many_steps_it_ends_the_same(how, tmp_path, monkeypatch):
    """Also its steps, its notes and its judgement on held-out rows."""
    monkeypatch.setenv(checkpoints.VARIABLE, "1000")
    run(tmp_path / "whole", how=how, seeds=[0, 5])
    monkeypatch.setenv(checkpoints.VARIABLE, "0")
    assert sum(stopped(tmp_path / "parts", at, how, seeds=[0, 5]) for at in (1, 9, 8, 16, 7)) == 5
    run(tmp_path / "parts", how=how, seeds=[0, 5])
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert scores(tmp_path / "parts") == scores(tmp_path / "whole")
    assert not (tmp_path / "parts" / PROGRESS).exists()
    assert not (tmp_path / "parts" / checkpoints.FOLDER).exists()


@pytest.mark.parametrize("phase", ["train", "refit", "search"])
@pytest.mark.usefixtures("every_step")
def test_a_phase_goes_on_at_its_step(phase, tmp_path):
    """Steps that were done are not done again."""
    seen: list[tuple[str, int]] = []

    def stop(name, done, total):
        if (name.partition(",")[0], done) == (phase, 3):
            raise KeyboardInterrupt

    with pytest.raises(mbo.Interrupted, match="kept: 0 of 3 seeds"):
        run(tmp_path, report=stop)
    run(tmp_path, report=lambda name, done, total: seen.append((name.partition(",")[0], done)))
    steps = [done for name, done in seen if name == phase and done]
    assert steps[0] == 3, "the step whose report was interrupted is not in a checkpoint"
    assert steps == list(range(3, steps[-1] + 1))


def test_finished_groups_are_not_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr("mbo_core.runs.seeds.AT_ONCE", 1)

    def stop(name, done, total):
        if name == "search, seed 5":
            raise KeyboardInterrupt

    with pytest.raises(mbo.Interrupted, match="kept: 1 of 3 seeds") as said:
        run(tmp_path, report=stop)
    assert f'hint: continue with mbo.run("{tmp_path}", task, out="{tmp_path}", resume=True)' in str(said.value)
    phases: list[str] = []
    result = run(tmp_path, report=lambda name, *_: phases.append(name))
    assert not any(name.endswith("seed 0") for name in phases)
    assert sorted(result.trials) == [0, 5, 7]
    assert result.predict(X).means.shape == (3, 40)


def test_the_folder_stands_for_the_recipe(tmp_path):
    assert stopped(tmp_path, 9)
    with pytest.raises(mbo.StoreError, match="holds an unfinished run"):
        mbo.run(RECIPES["vmap"], TASK, seeds=3, out=tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipe": replace(RECIPES["vmap"], proxy=Line(refit=False))}, "proxy.refit is False, was True"),
        ({"task": mbo.Task("bowl", X * 2, TASK.y)}, "the task's data differs"),
        ({"seeds": [0]}, r"seeds is \[0\], was \[0, 5, 7\]"),
        ({"hold": {"x0": 1.0}}, "hold is {'x0': 1.0}, was {}"),
    ],
    ids=["recipe", "data", "seeds", "hold"],
)
def test_another_run_is_refused_with_what_differs(change, words, tmp_path):
    stopped(tmp_path, 9)
    before = files(tmp_path)
    given = {"recipe": RECIPES["vmap"], "task": TASK, "seeds": [0, 5, 7], **change}
    with pytest.raises(StoreError, match=words):
        mbo.run(**given, out=tmp_path, resume=True)
    assert files(tmp_path) == before
    assert (tmp_path / PROGRESS).exists()


def test_another_version_is_refused(tmp_path, monkeypatch):
    stopped(tmp_path, 9)
    monkeypatch.setattr("torch.__version__", "0.0")
    with pytest.raises(StoreError, match=r"the version of torch is 0\.0, was "):
        run(tmp_path)


def test_a_complete_run_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(StoreError, match="exists and is not an empty folder"):
        run(tmp_path)


@pytest.mark.usefixtures("every_step")
def test_a_damaged_checkpoint_is_not_used(tmp_path, capsys):
    run(tmp_path / "whole", seeds=1)
    stopped(tmp_path / "parts", 20, seeds=1)
    for path in (tmp_path / "parts" / checkpoints.FOLDER).iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    run(tmp_path / "parts", seeds=1)
    assert "begins again: checksum mismatch" in capsys.readouterr().err
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


@pytest.mark.parametrize("name", ["designs.safetensors", "designs.csv", "steps.csv"])
def test_a_damaged_seed_is_computed_again(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("mbo_core.runs.seeds.AT_ONCE", 1)
    count = Stop()
    run(tmp_path / "whole", report=count)
    stopped(tmp_path / "parts", count.count - 2)
    path = tmp_path / "parts/seeds/0" / name
    path.write_bytes(path.read_bytes()[:-2] + b"1\n")
    run(tmp_path / "parts")
    assert "seeds 0 are computed again" in capsys.readouterr().err
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


@dataclass(frozen=True, kw_only=True)
class Odd(Drift):
    """Its state holds what cannot be stored."""

    name = "odd"
    lift = "loop"

    def init(self, key, data, proxy_state):
        return [Drift.init(self, key, data, proxy_state), {1, 2}]

    def step(self, key, state, data, number):
        moved, info = Drift.step(self, key, state[0], data, number)
        return [moved, state[1]], info

    def designs(self, state):
        return state[0].x


@pytest.mark.usefixtures("every_step")
def test_a_state_that_cannot_be_stored_is_told(tmp_path, capsys):
    recipe = mbo.Recipe(proxy=Line(), update=Odd())
    mbo.run(recipe, TASK, seeds=1, out=tmp_path)
    said = capsys.readouterr().err
    assert said.count("no checkpoint of the phase search, which a stopped run begins again") == 1


def test_checkpoints_are_rare_and_cheap(tmp_path, monkeypatch):
    """None in a short run; and none for a share of the time after one that took long."""
    run(tmp_path / "run", report=lambda *_: (tmp_path / "run" / checkpoints.FOLDER).exists() and pytest.fail("made"))
    kept = checkpoints.Checkpoints(tmp_path, 10.0)
    now = kept._last
    kept._took = 1.0
    for seconds, due in ((11.0, False), (51.0, True)):
        monkeypatch.setattr(checkpoints.time, "monotonic", lambda seconds=seconds: now + seconds)
        assert kept.due("train") is due


def test_the_interval_must_be_seconds(tmp_path, monkeypatch):
    monkeypatch.setenv(checkpoints.VARIABLE, "often")
    with pytest.raises(StoreError, match="MBO_CHECKPOINT_SECONDS is 'often'"):
        run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_cells_that_fail_cost_no_designs(tmp_path, monkeypatch):
    def fail(design):
        raise ZeroDivisionError

    monkeypatch.setattr(TASK, "cells", fail)
    result = run(tmp_path)
    assert sorted(result.trials) == [0, 5, 7]
    assert [note.text for note in result.notes if note.source == "store"] == [
        "designs.csv is not written: ZeroDivisionError"
    ] * 3
    monkeypatch.undo()
    loaded = mbo.load(tmp_path, TASK, plugins=[stopping.__file__])
    np.testing.assert_array_equal(loaded.designs, result.designs)
    assert loaded.trials[0].scores.keys() == {"raw", "normalised"}
