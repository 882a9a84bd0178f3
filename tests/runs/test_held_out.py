"""Rows that a proxy is not trained on judge it, and may choose the state that is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from mbo_grad_ascent.proxy import Ensemble, Regression
from scipy.stats import spearmanr

import mbo_core as mbo
from mbo_core.cli.report import print_record
from mbo_core.functional import batches, keys
from mbo_core.runs.held_out import predicted, quality, spearman
from mbo_core.runs.keeping import Best, Until, chosen
from mbo_core.runs.seeds import PerSeed, Stream, stream_keys
from mbo_core.runs.store import Folder
from mbo_core.runs.tables import mean_std
from mbo_core.stages import Keep, Prediction, Proxy, Schedule

SEEDS = (0, 1, 2, 5)
ROWS, HELD_OUT, STEPS = 25, 5, 12
X = np.random.default_rng(0).normal(size=(ROWS, 2))
TABLE = mbo.Task("mine", X, 10 * X[:, 0])


class Counted(NamedTuple):
    steps: torch.Tensor
    rows: torch.Tensor
    target: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Counting(Proxy):
    """Predicts the score exactly after a number of steps of its own, and worse before and after."""

    keep: Keep = "last"
    refit: bool = False
    held_out: int = HELD_OUT

    name = "counting"
    abilities = frozenset({"values"})

    def schedule(self, data):
        return Schedule(0, 100, self.held_out, steps=STEPS, keep=self.keep, refit=self.refit)

    def init(self, key, data):
        return Counted(torch.zeros(()), torch.zeros(()), 2 + key[1] % 8)

    def step(self, key, state, batch):
        return state._replace(steps=state.steps + 1, rows=state.rows + len(batch.y)), {"loss": state.steps}

    def predict(self, state, x):
        return Prediction(x[:, 0] + (state.steps - state.target) ** 2, torch.zeros_like(x[:, 0]))


@dataclass(frozen=True, kw_only=True)
class InPlace(Counting):
    """The same, with a state that every step changes."""

    name = "in-place"
    lift: ClassVar = "loop"

    def init(self, key, data):
        return SimpleNamespace(**super().init(key, data)._asdict())

    def step(self, key, state, batch):
        loss = torch.tensor(float(state.steps))
        state.steps += 1
        state.rows += len(batch.y)
        return state, {"loss": loss}


@dataclass(frozen=True, kw_only=True)
class Ranking(Counting):
    """Predicts an order only: the right one after a number of steps of its own, else the reverse."""

    name = "own-ranking"
    abilities = frozenset({"order"})

    def predict(self, state, x):
        mean = torch.where(state.steps == state.target, 1.0, -1.0) * 1000 * x[:, 0]
        return Prediction(mean, torch.zeros_like(mean))


def run(proxy, task=TABLE, **options):
    return mbo.run(mbo.Recipe(proxy=proxy), task, seeds=SEEDS, **options)


def targets() -> list[int]:
    return [2 + int(key[1]) % 8 for key in keys.fold_in(stream_keys(SEEDS, Stream.PROXY, "cpu"), batches.Use.INIT)]


def states(result, name) -> list[float]:
    return [float(getattr(result.predictors[seed].state, name)) for seed in SEEDS]


@pytest.mark.parametrize("kind", [Counting, InPlace])
def test_the_best_state_on_them_is_kept(kind):
    last, best = run(kind()), run(kind(keep="best"))
    assert len(set(targets())) > 1
    assert states(last, "steps") == [STEPS] * len(SEEDS)
    assert states(best, "steps") == targets()
    assert best.held_out["error"]["by_seed"] == pytest.approx([0.0] * len(SEEDS), abs=1e-5)
    assert best.held_out["rank"]["mean"] == 1
    missed = [10 * X[:, 0].std() * (STEPS - target) ** 2 for target in targets()]
    assert last.held_out["error"]["by_seed"] == pytest.approx(missed, rel=1e-5)


def test_a_ranking_is_judged_by_its_order():
    last, best = run(Ranking()), run(Ranking(keep="best"))
    assert last.held_out["rank"]["by_seed"] == [-1] * len(SEEDS)
    assert best.held_out["rank"]["by_seed"] == [1] * len(SEEDS)
    assert best.held_out["error"]["mean"] is None


@pytest.mark.parametrize("kind", [Counting, InPlace])
@pytest.mark.parametrize("keep", ["last", "best"])
def test_refitting_takes_as_many_steps_on_all_rows(kind, keep):
    """The quality is that before."""
    once, again = run(kind(keep=keep)), run(kind(keep=keep, refit=True))
    steps = states(once, "steps")
    assert states(once, "rows") == [(ROWS - HELD_OUT) * count for count in steps]
    assert states(again, "steps") == steps
    assert states(again, "rows") == [ROWS * count for count in steps]
    assert again.held_out == once.held_out
    phases = [step["phase"] for step in again.trials[0].steps]
    assert phases == ["train"] * STEPS + ["refit"] * int(max(steps))


def test_nothing_is_refitted_without_held_out_rows():
    result = run(Counting(refit=True, held_out=0))
    assert states(result, "rows") == [ROWS * STEPS] * len(SEEDS)
    assert {step["phase"] for step in result.trials[0].steps} == {"train"}


@pytest.mark.parametrize("proxy", [Regression, Ensemble])
def test_a_kept_seed_is_the_same_alone(proxy):
    made = proxy(hidden=(8,), epochs=8, learning_rate=0.05, batch_size=7, keep="best", refit=True)
    together, alone = run(made), mbo.run(mbo.Recipe(proxy=made), TABLE, seeds=[5])
    np.testing.assert_allclose(together.predict(X).means[-1], alone.predict(X).means[0], rtol=1e-4, atol=1e-4)
    assert together.quality[5].error == pytest.approx(alone.quality[5].error, rel=1e-4)


def test_keeping_the_best_needs_held_out_rows():
    """It is refused before any training."""
    with pytest.raises(mbo.TaskError, match='keep = "best" has no held-out rows') as refused:
        run(Counting(keep="best", held_out=0))
    assert "set held_out" in refused.value.hint


@dataclass(frozen=True, kw_only=True)
class Memory(Counting):
    """Predicts the mean score of rows that it has not seen, and far more of those it has."""

    name = "memory"
    lift: ClassVar = "loop"

    def init(self, key, data):
        return set()

    def step(self, key, state, batch):
        state.update(x.numpy().tobytes() for x in batch.x)
        return state, {"loss": batch.y.sum() * 0}

    def predict(self, state, x):
        seen = torch.tensor([9.0 if row.numpy().tobytes() in state else 0.0 for row in x])
        return Prediction(seen, torch.zeros_like(seen))


def test_no_row_that_is_judged_was_trained_on():
    task = mbo.Task("signs", X[:24], np.tile([1.0, -1.0], 12))
    assert run(Memory(), task).held_out["error"]["by_seed"] == pytest.approx([1.0] * len(SEEDS))


@pytest.mark.parametrize("shuffle", ["shared", "own"])
def test_members_are_judged_on_rows_of_their_own(shuffle):
    """An ensemble that has learnt nothing has the error of its untrained members."""
    proxy = Ensemble(hidden=(4,), members=3, learning_rate=0.0, epochs=1, held_out=HELD_OUT, shuffle=shuffle)
    result = run(proxy)
    assert result.held_out["rows"]["by_seed"] == [HELD_OUT] * len(SEEDS)
    data = mbo.run(mbo.Recipe(proxy=Regression(epochs=0)), TABLE, seeds=[0])
    assert data.held_out["error"]["by_seed"] == [None]
    key = keys.fold_in(stream_keys([0], Stream.PROXY, "cpu"), batches.Use.ROWS)[0]
    _, rows = batches.split(key, ROWS, proxy.schedule(SimpleNamespace(space=None)))
    state, x = result.predictors[0].state, torch.tensor((X - X.mean(0)) / X.std(0)).float()
    members = proxy.predict_members(state, x).mean
    means = members.gather(1, rows) if shuffle == "own" else members.mean(0)[rows]
    y = torch.tensor(10 * X[:, 0] - 10 * X[:, 0].mean())
    error = (means * 10 * X[:, 0].std() - y[rows]).square().mean().sqrt()
    assert result.quality[0].error == pytest.approx(float(error), rel=1e-4)


def test_each_member_predicts_its_own_rows():
    numbers = SimpleNamespace(x=torch.arange(6.0)[:, None])
    proxy = SimpleNamespace(
        predict_members=lambda state, x: Prediction(x[:, 0] + torch.tensor([[100.0], [200.0]]), None),
        predict=lambda state, x: Prediction(x[:, 0], None),
    )
    found = predicted(proxy, numbers, torch.tensor([[1, 2, 3], [4, 5, 0]]), None)
    assert found.tolist() == [[101, 102, 103], [204, 205, 200]]
    assert predicted(proxy, numbers, torch.tensor([4, 2]), None).tolist() == [4, 2]


def test_without_held_out_rows_there_is_a_dash(tmp_path, capsys):
    result = run(Regression(hidden=(4,), epochs=1, held_out=0), out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["held_out"]["error"] == {"by_seed": [None] * len(SEEDS), "mean": None}
    assert result.quality == {}
    print_record(record)
    assert "\nheld-out rows: -\n" in capsys.readouterr().out


def test_the_quality_is_recorded_and_printed(tmp_path, capsys):
    result = run(Regression(hidden=(4,), epochs=5), out=tmp_path / "run")
    record = Folder(tmp_path / "run").load_record()
    assert record["held_out"] == result.held_out
    assert mbo.load(tmp_path / "run").held_out == result.held_out
    print_record(record)
    printed = {name: mean_std(values["by_seed"]) for name, values in result.held_out.items()}
    lines = capsys.readouterr().out.splitlines()
    assert f"held-out rows: 5, error {printed['error']}, rank correlation {printed['rank']}" in lines
    assert f"the best of them: 1, error {printed['best_error']}, rank correlation -" in lines


def test_a_cached_proxy_keeps_its_quality(tmp_path):
    made = Regression(hidden=(4,), epochs=2, refit=True)
    first, again = (run(made, cache=tmp_path / "cache") for _ in range(2))
    assert again.cached == list(SEEDS)
    assert again.held_out == first.held_out


def test_error_and_rank_of_the_best_fifth():
    scores = np.arange(10.0)
    found = quality(scores, np.where(scores >= 8, 17 - scores, scores))
    assert (found.rows, found.best_rows, found.best_rank) == (10, 2, pytest.approx(-1))
    assert (found.error, found.best_error) == (pytest.approx(np.sqrt(0.2)), pytest.approx(1.0))
    assert quality(scores, np.full(10, np.nan)) == replace(
        found, error=None, rank=None, best_error=None, best_rank=None
    )


def test_rank_correlation_is_that_of_scipy():
    draw = np.random.default_rng(0)
    for _ in range(20):
        one, other = draw.integers(0, 6, size=(2, 15)).astype(float)
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_the_last_step_may_be_the_best():
    errors = {250: torch.tensor([3.0, 1.0]), 251: torch.tensor([2.0, 2.0])}
    best = Best(lambda state: errors.get(int(state[0]), torch.tensor([9.0, 9.0])), total=251)
    for step in range(1, 252):
        best.see(step, torch.tensor([step, step]))
    assert best.kept(None).tolist() == [251, 250]
    assert best.steps.tolist() == [251, 250]


@pytest.mark.parametrize("how", ["vmap", "loop"])
def test_a_state_is_kept_until_its_own_step(how):
    until, values = Until(torch.tensor([1, 3])), (lambda step: torch.tensor([step, step]))
    for step in (1, 2, 3):
        until.see(step, values(step) if how == "vmap" else PerSeed(values(step).tolist()))
    assert list(until.kept(None)) == [1, 3]
    assert chosen(torch.tensor([True]), torch.tensor([1]), None).tolist() == [1]
