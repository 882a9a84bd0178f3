"""Runs end to end: seeds, failures, interruption, repetition, and what a run leaves behind."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from threading import Event, Thread
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mbo_grad_ascent.update import GradientAscent

import mbo_core as mbo
from mbo_core.cli.report import print_result
from mbo_core.functional import keys
from mbo_core.plugins import hookspecs
from mbo_core.plugins.registry import Registry
from mbo_core.runs.job import Interrupted
from mbo_core.runs.seeds import Search, Stream, stream_keys
from mbo_core.runs.store import Folder
from mbo_core.stages import Adversary
from mbo_core.tasks import OracleSet, Space, Task, Verdict
from mbo_core.testing import assignments

SMALL = {method: assignments(method, mbo.installed(), "continuous") for method in ("coms", "grad-ascent")}


class Formula:
    """An oracle that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def score(self, designs: np.ndarray) -> np.ndarray:
        self.calls += 1
        return -(designs.astype(float) ** 2).sum(1)


def continuous() -> Task:
    x = np.random.default_rng(0).normal(size=(300, 4))
    return Task("bowl", x, -(x**2).sum(1), oracle=Formula())


def discrete() -> Task:
    x = np.random.default_rng(0).integers(0, 4, size=(300, 5))
    return Task("tokens", x, -(x.astype(float) ** 2).sum(1), space=Space.discrete(5, 4), oracle=Formula())


TASKS = {"continuous": continuous(), "discrete": discrete()}


@pytest.mark.parametrize("kind", TASKS)
def test_designs_do_not_depend_on_other_seeds(kind):
    sets = assignments("coms", mbo.installed(), kind)
    together = mbo.run("coms", TASKS[kind], seeds=[0, 3, 5], set=sets)
    alone = mbo.run("coms", TASKS[kind], seeds=[3], set=sets)
    torch.testing.assert_close(together.trials[3].encoded, alone.trials[3].encoded, rtol=1e-4, atol=1e-5)
    assert not torch.equal(together.trials[0].encoded, together.trials[3].encoded)


def test_the_oracle_is_called_once_per_seed():
    """Only after the search."""
    task = continuous()
    calls: list[int] = []
    result = mbo.run("coms", task, seeds=2, set=SMALL["coms"], report=lambda *step: calls.append(task.oracle.calls))
    assert set(calls) == {0}
    assert task.oracle.calls == 2
    assert result.trials[0].scores["raw"].shape == (128,)


def test_without_update_the_best_data_are_proposed(tmp_path):
    recipe = tmp_path / "best.toml"
    recipe.write_text("[update]\nuse = 'none'")
    task = TASKS["continuous"]
    result = mbo.run(recipe, task, seeds=1)
    assert result.scores["raw"]["100th"] == [task.best_in_data]
    np.testing.assert_array_equal(result.designs[0], task.x[np.argsort(-task.y)[:128]])
    assert result.counts()["distinct"] == [128]


def test_without_an_oracle_there_are_no_scores():
    """But there are designs."""
    task = Task("mine", TASKS["continuous"].x, TASKS["continuous"].y)
    result = mbo.run("grad-ascent", task, seeds=1, set=SMALL["grad-ascent"])
    assert result.designs.shape == (1, 128, 4)
    assert result.scores["raw"]["100th"] == [None]
    assert np.isfinite(result.frame()["predicted"]).all()


class Half(Formula):
    """Another oracle."""

    def score(self, designs: np.ndarray) -> np.ndarray:
        return super().score(designs) / 2


def test_several_oracles_score_the_same_designs(tmp_path):
    """Their spread is recorded."""
    x, y = TASKS["continuous"].x, TASKS["continuous"].y
    task = Task("bowl", x, y, oracle=OracleSet({"a": Formula(), "b": Half()}), y_min=-1.0, y_max=0.0)
    recipe = tmp_path / "best.toml"
    recipe.write_text("[update]\nuse = 'none'")
    result = mbo.run(recipe, task, seeds=2, out=tmp_path / "run")
    best = float(y.max())
    record = Folder(tmp_path / "run").load_record()
    assert record["scores"] == result.scores
    assert record["scores_by_oracle"]["a"] == result.scores["normalised"]
    assert record["scores_by_oracle"]["b"]["100th"] == pytest.approx([1 + best / 2] * 2)
    assert record["spread_over_oracles"]["100th"] == pytest.approx(-best / 4)
    [row, *_] = rows_of(tmp_path / "run/seeds/0/designs.csv")
    assert float(row["oracle_std"]) == pytest.approx(-best / 4)
    assert float(row["normalised_oracle_b"]) == pytest.approx(1 + best / 2)


def test_a_task_may_format_its_designs():
    x, y = TASKS["discrete"].x, TASKS["discrete"].y
    task = Task("spelt", x, y, cells=lambda design: {"word": "-".join(map(str, design))})
    result = mbo.run("grad-ascent", task, seeds=1, set=SMALL["grad-ascent"])
    assert result.frame()["word"][0] == "-".join(map(str, result.designs[0][0]))


def test_the_stored_recipe_repeats_the_run(tmp_path):
    first = mbo.run("coms", "Quadratic2D-Exact-v0", seeds=[4, 1], preset="quick", set=SMALL["coms"], out=tmp_path / "a")
    again = mbo.run(tmp_path / "a" / "recipe.toml", out=tmp_path / "b")
    assert again.seeds == (4, 1)
    assert again.recipe.preset == "quick"
    np.testing.assert_array_equal(first.designs, again.designs)
    assert (tmp_path / "a" / "recipe.toml").read_text() == (tmp_path / "b" / "recipe.toml").read_text()


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_a_run_leaves_its_record_designs_and_infos(tmp_path):
    out = tmp_path / "run"
    result = mbo.run("coms", "Quadratic2D-Exact-v0", seeds=2, set=SMALL["coms"], out=out)
    record = json.loads((out / "run.json").read_text())
    assert record["status"] == "done"
    assert record["scores"] == result.scores
    assert record["versions"]["mbo-coms"]
    stored = Folder(out).load_seed(1)
    np.testing.assert_array_equal(stored["designs"].numpy(), result.designs[1])
    assert len(rows_of(out / "seeds/1/designs.csv")) == 128
    steps = rows_of(out / "seeds/1/steps.csv")
    assert {row["phase"] for row in steps} == {"train", "search"}
    assert all(float(row["loss"]) >= 0 for row in steps if row["phase"] == "train")
    assert not list(out.rglob("*.part"))


def test_frame_and_summary_have_equal_scores():
    result = mbo.run("coms", "Quadratic2D-Exact-v0", seeds=2, set=SMALL["coms"])
    best = result.frame().groupby("seed")["raw"].max()
    assert list(best) == result.scores["raw"]["100th"]


@dataclass(frozen=True, kw_only=True)
class Poison(Adversary):
    """Turns the designs of one seed's batches into NaN from the second step on."""

    name = "poison"
    moves = frozenset({"designs"})

    def init(self, key, data):
        return torch.zeros(())

    def mine(self, key, state, model, start, batch):
        victim = key.sum() % 2 == 0
        bad = torch.where(victim & (state >= 1), torch.nan, 1.0)
        return start._replace(x=start.x * bad), state + 1


class Hooks:
    """A plugin inside a test."""

    def __init__(self, **hooks) -> None:
        for name, hook in hooks.items():
            setattr(self, name, hookspecs.hookimpl(hook))


def with_plugin(**hooks) -> Registry:
    registry = replace(mbo.installed())
    registry.manager.register(Hooks(**hooks), "inside-a-test")
    registry.plugins.append(replace(registry.plugins[0], name="inside-a-test", distribution="inside-a-test"))
    return registry


def test_a_diverging_seed_is_named(tmp_path):
    """With its step; the others finish."""
    registry = with_plugin(mbo_stages=lambda: [Poison])
    recipe = tmp_path / "poisoned.toml"
    recipe.write_text('extends = "coms"\n[adversary]\nuse = "poison"\n')
    sets = [one for one in SMALL["coms"] if not one.startswith("adversary")]
    result = mbo.run(recipe, TASKS["continuous"], seeds=6, set=sets, registry=registry, out=tmp_path / "run")
    assert result.failed
    assert result.trials
    assert set(result.failed) | set(result.trials) == set(range(6))
    assert "at step" in next(iter(result.failed.values()))
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["status"] == "failed"
    missing = next(iter(result.failed))
    assert record["scores"]["raw"]["100th"][missing] is None


def test_an_interruption_keeps_what_was_finished(tmp_path, monkeypatch):
    monkeypatch.setattr("mbo_core.runs.seeds.AT_ONCE", 1)
    started: list[str] = []

    def stop_in_the_second_seed(phase: str, done: int, total: int) -> None:
        started.append(phase)
        if phase == "train, seed 1" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="kept: 1 of 3 seeds"):
        mbo.run(
            "coms",
            TASKS["continuous"],
            seeds=3,
            set=SMALL["coms"],
            out=tmp_path / "run",
            report=stop_in_the_second_seed,
        )
    folder = Folder(tmp_path / "run")
    assert folder.load_record()["status"] == "interrupted"
    assert folder.load_seed(0)["designs"].shape == (128, 4)
    assert not (tmp_path / "run" / "seeds" / "1").exists()


def nothing(designs):
    return np.full(len(designs), np.nan)


def broken(designs):
    raise OSError("the laboratory is closed")


@pytest.mark.parametrize(
    ("score", "reason"), [(nothing, "scored design 0 as nan"), (broken, "OSError: the laboratory is closed")]
)
def test_an_oracle_without_scores_fails_the_seed(score, reason):
    """With the reason."""
    task = Task("nonsense", TASKS["continuous"].x, TASKS["continuous"].y, oracle=SimpleNamespace(score=score))
    result = mbo.run("grad-ascent", task, seeds=1, set=SMALL["grad-ascent"])
    assert reason in result.failed[0]
    assert result.scores["raw"]["50th"] == [None]


def test_unscored_designs_are_kept(tmp_path, capsys):
    def score(designs):
        if not calls:
            calls.append(1)
            raise RuntimeError("the robot is out of order")
        return designs.sum(1)

    calls: list[int] = []
    task = Task("fickle", TASKS["continuous"].x, TASKS["continuous"].y, oracle=SimpleNamespace(score=score))
    result = mbo.run("grad-ascent", task, seeds=2, set=SMALL["grad-ascent"], out=tmp_path / "run")
    assert result.status == "failed"
    assert "out of order" in result.failed[0]
    assert list(result.trials) == [0, 1]
    assert len(result.designs) == 2
    [lost, scored] = result.scores["raw"]["50th"]
    assert (lost, scored is None) == (None, False)
    assert len(result.frame()) == 256
    assert torch.equal(Folder(tmp_path / "run").load_seed(0)["designs"], torch.tensor(result.trials[0].raw))
    with (tmp_path / "run" / "seeds" / "0" / "designs.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 128
    print_result(result)
    assert "seed 0 failed: RuntimeError: the robot is out of order" in capsys.readouterr().err


def test_a_wholly_failed_run_has_no_designs():
    lost = [*SMALL["grad-ascent"], "proxy.learning_rate=1e30"]
    result = mbo.run("grad-ascent", TASKS["continuous"], seeds=2, set=lost)
    assert set(result.failed) == {0, 1}
    assert result.designs.shape[0] == 0
    assert result.frame().empty


class Fragile(Formula):
    """A simulator in which the fourth design always falls apart."""

    def judge(self, designs):
        scores = self.score(designs)
        scores[3] = -99.0
        return Verdict(scores, {3: "it fell apart"})


def test_an_unscored_design_is_noted(tmp_path, capsys):
    """With the reason."""
    task = Task("fragile", TASKS["continuous"].x, TASKS["continuous"].y, oracle=Fragile())
    result = mbo.run("grad-ascent", task, seeds=1, set=SMALL["grad-ascent"], out=tmp_path / "run")
    with (tmp_path / "run" / "seeds" / "0" / "designs.csv").open() as stream:
        faults = [row["fault"] for row in csv.DictReader(stream)]
    assert faults == ["it fell apart" if i == 3 else "" for i in range(128)]
    text = "1 candidates could not be scored; the first: it fell apart"
    note = {"seed": 0, "source": "evaluation oracle", "text": text, "values": {}}
    assert Folder(tmp_path / "run").load_record()["notes"] == [note]
    assert result.trials[0].scores["raw"][3] == -99
    print_result(result)
    assert f"evaluation oracle (seed 0): {text}" in capsys.readouterr().out


def test_notes_of_a_search_are_printed(tmp_path, capsys, monkeypatch):
    [own] = keys.fold_in(keys.fold_in(stream_keys([1], Stream.UPDATE, "cpu"), Search.STEP), 0)

    def step(self, key, state, data, number):
        return state, {"second": (key == own).all().float(), "other": torch.zeros(())}

    monkeypatch.setattr(GradientAscent, "step", step)
    monkeypatch.setattr(GradientAscent, "infos", {"second": "whether it is", "other": "nothing"})
    monkeypatch.setattr(GradientAscent, "notes", {"second": "it is the second", "other": "never told"})
    sets = [*SMALL["grad-ascent"], "update.steps=1"]
    result = mbo.run("grad-ascent", TASKS["continuous"], seeds=2, set=sets, out=tmp_path / "run")
    [note] = [one for one in Folder(tmp_path / "run").load_record()["notes"] if one["source"].startswith("update")]
    assert (note["seed"], note["text"]) == (1, "it is the second")
    print_result(result)
    told = capsys.readouterr().out
    assert "update gradient-ascent (seed 1): it is the second" in told
    assert "never told" not in told


def test_hooks_wrap_what_the_core_does():
    calls: list[str] = []

    def mbo_update_solution(run, proxy):
        candidates = yield
        calls.append(f"searched {run.seeds}")
        return candidates

    wrapper = Hooks()
    wrapper.mbo_update_solution = hookspecs.hookimpl(wrapper=True)(mbo_update_solution)
    mbo.run("grad-ascent", TASKS["continuous"], seeds=2, set=SMALL["grad-ascent"], plugins=[wrapper])
    assert calls == ["searched (0, 1)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recipe": "comms"}, 'did you mean "coms"'),
        ({"task": "TFBind8-Exact-v1"}, 'did you mean "TFBind8-Exact-v0"'),
        ({"preset": "quik"}, 'did you mean "quick"'),
        ({"set": ["proxy.epohcs=1"]}, 'did you mean "epochs"'),
        ({"set": ["proxy.epochs=many"]}, "not an int"),
        ({"device": "tpu"}, "available: cpu"),
        ({"task": None}, "name one with --task"),
        ({"task": ([[1.0]], [2.0])}, "unsupported type tuple\n\nhint: give a name, a file, or mbo.Task"),
        ({"set": "proxy.epochs=1"}, r"write set=\['proxy.epochs=1'\]"),
        ({"seeds": 0}, "invalid seeds 0\n"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(arguments, message):
    with pytest.raises(mbo.RecipeError, match=message):
        mbo.run(**{"recipe": "coms", "task": "Quadratic2D-Exact-v0", "seeds": 1, **arguments})


def test_a_single_row_is_refused_before_training():
    phases: set[str] = set()
    with pytest.raises(mbo.TaskError, match="1 rows leave 1 to train on"):
        mbo.run("coms", Task("one", [[1.0, 2.0]], [3.0]), report=lambda phase, done, total: phases.add(phase))
    assert phases == {"encode"}


def test_runs_in_two_threads_take_turns(tmp_path):
    first, second = Event(), Event()
    met = []

    def wait(phase, done, total):
        first.set()
        met.append(second.wait(0.02))

    small = {"seeds": 1, "set": SMALL["grad-ascent"]}
    before = torch.get_float32_matmul_precision()
    thread = Thread(target=lambda: mbo.run("grad-ascent", TASKS["continuous"], **small, cache=tmp_path, report=wait))
    thread.start()
    first.wait()
    mbo.run("grad-ascent", TASKS["continuous"], **small, report=lambda *step: second.set())
    thread.join()
    assert not any(met)
    assert torch.get_float32_matmul_precision() == before
