"""What is hidden, what is picked from it, and what the time allows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from mbo_propose.backtest import CANDIDATES, Candidate, backtest, candidates, running
from mbo_propose.backtest.candidates import DEFAULT
from mbo_propose.backtest.ranking import TooLate
from mbo_propose.backtest.running import chance, picks
from mbo_propose.backtest.splits import rows_of, some_rows, split

import mbo_core as mbo
from mbo_core.plugins.discovery import Method


def test_the_best_fifth_is_always_hidden():
    y = np.random.default_rng(0).random(101)
    for seed in range(5):
        parts = split(y, seed)
        assert sorted([*parts.visible, *parts.hidden]) == list(range(101))
        assert set(parts.hidden[parts.top]) == set(np.argsort(-y)[:21])
        assert len(parts.visible) == 40


def test_splits_differ_by_seed_alone():
    y = np.random.default_rng(0).random(50)
    assert np.array_equal(split(y, 3).visible, split(y, 3).visible)
    assert not np.array_equal(split(y, 3).visible, split(y, 4).visible)


def test_replicates_stay_together():
    x = np.repeat(np.random.default_rng(0).random((50, 2)), 2, axis=0)
    task = mbo.Task("twice", x, np.arange(100.0), replicates="keep")
    assert len(some_rows(task, 1000).y) == 50
    assert len(some_rows(task, 30).y) == 30


@pytest.mark.parametrize("values", [["a", "b", "c"], [1, 2, 3], [True, False, True]])
def test_rows_keep_the_space(values):
    import pandas as pd

    frame = pd.DataFrame({"kind": values * 10, "heat": np.linspace(0, 1, 30), "y": np.arange(30.0)})
    task = mbo.Task("kinds", frame, target="y")
    part = rows_of(task, np.array([3, 1]))
    assert part.space is task.space
    assert part.x.tolist() == task.x[[3, 1]].tolist()
    assert part.y.tolist() == [3.0, 1.0]


def test_who_knows_the_scores_gains_all(table, told):
    found = backtest(table(60), [told(1.0), told(-1.0)], batch=4, repeats=3)
    assert found.gains("told 1") == pytest.approx([1, 1, 1])
    assert all(one.share == 1 for one in found.picks["told 1"].values())
    assert found.gains("told -1").max() < 0


def test_equal_predictions_pick_at_random():
    y = np.random.default_rng(0).random(60)
    gains = []
    for seed in range(200):
        parts = split(y, seed)
        gains.append(picks(np.zeros(len(parts.hidden)), y[parts.hidden], parts.top, 4).gain)
    assert abs(np.mean(gains)) < 3 * np.std(gains) / np.sqrt(200)


def test_chance_is_the_mean_of_random_picks():
    truth, rng = np.array([1.0, 4.0, 2.0, 8.0, 5.0, 7.0]), np.random.default_rng(0)
    top = truth > 6
    drawn = [picks(rng.random(6), truth, top, 2) for _ in range(4000)]
    expected = chance(truth, top, 2)
    for name in ("gain", "best", "share"):
        assert np.mean([getattr(one, name) for one in drawn]) == pytest.approx(getattr(expected, name), abs=0.03)


def test_no_hidden_score_is_seen(table, told):
    task = table(100)
    one = told(1.0)
    found = backtest(task, [one], repeats=2)
    assert (found.visible, found.hidden) == (40, 60)
    assert [len(y) for y in one.recipe["proxy"].seen] == [40, 40]


def test_minimising_and_units_change_nothing(table):
    task, rng = table(60, noise=0.5), np.random.default_rng(1)
    order = rng.random(60)
    mirrored = mbo.Task("mirrored", task.x, -3 * task.y + 7, minimize=True)
    for one in range(3):
        mine, theirs = split(task.y, one), split(mirrored.y, one)
        assert np.array_equal(mine.hidden, theirs.hidden)
        a, b = (picks(order[mine.hidden], each.y[mine.hidden], mine.top, 4) for each in (task, mirrored))
        assert (a.gain, a.best, a.share) == pytest.approx((b.gain, b.best, b.share))


def test_recipes_see_the_same_rows(table, told):
    both = [told(1.0), told(2.0)]
    backtest(table(60), both, repeats=1)
    assert np.array_equal(*both[0].recipe["proxy"].seen)


def test_what_fails_is_left_out_with_its_reason(table, told):
    broken = Candidate("broken", {"proxy": {"use": "no-such-proxy"}})
    found = backtest(table(60), [broken, told(1e39, "nothing"), told(1.0)], repeats=2)
    assert found.tried == ("told 1",)
    assert "no-such-proxy" in found.left_out["broken"]
    assert found.left_out["nothing"] == "its predictions are not finite"


@pytest.fixture
def clock(monkeypatch):
    """Makes each training take the seconds that a candidate names as its recipe, by a clock of its own."""
    now = [0.0]

    def predicted(one, task, x, seed, seconds):
        now[0] += min(one.recipe, seconds)
        if one.recipe > seconds:
            raise TooLate
        return x[:, 0]

    monkeypatch.setattr(running, "predicted", predicted)
    monkeypatch.setattr(running, "time", SimpleNamespace(perf_counter=lambda: now[0]))


def timed(**seconds: float) -> list[Candidate]:
    """Candidates that take so long."""
    return [Candidate(name, each) for name, each in seconds.items()]


@pytest.mark.usefixtures("clock")
def test_the_time_is_kept_and_said(table):
    found = backtest(table(60), timed(one=1.0, two=2.0), repeats=50, budget=25)
    assert (len(found.gains("one")), found.seconds) == (8, 24)
    assert found.notes == ["the time ended after 8 of 50 repeats"]


@pytest.mark.usefixtures("clock")
def test_costly_recipes_make_room_for_repeats(table):
    found = backtest(table(60), timed(cheap=1.0, costly=9.0, never=100.0), budget=60, repeats=10)
    assert len(found.gains("cheap")) == 10
    assert "a training takes 9.0 s" in found.left_out["costly"]
    assert "10 s and more" in found.left_out["never"]


@pytest.mark.usefixtures("clock")
def test_the_default_is_tried_first(table):
    """It may take all of the time, where others are given a sixth."""
    found = backtest(table(60), [Candidate("costly", 9.0), Candidate(DEFAULT, 25.0)], budget=30)
    assert found.tried == (DEFAULT,)
    assert found.late == {"costly"}
    assert found.cannot_tell == "1 of its repeats fit into the time, and it needs 4"


def test_one_that_fails_later_has_no_result(table, told, monkeypatch):
    ranked = running.predicted

    def predicted(one, task, x, seed, seconds):
        if (one.name, seed) == ("told 2", 1):
            raise RuntimeError("out of luck")
        return ranked(one, task, x, seed, seconds)

    monkeypatch.setattr(running, "predicted", predicted)
    found = backtest(table(60), [told(1.0), told(2.0)], repeats=3)
    assert found.tried == ("told 1",)
    assert "out of luck" in found.left_out["told 2"]


@pytest.mark.usefixtures("clock")
def test_no_time_at_all_is_said(table):
    found = backtest(table(60), timed(one=1.0), budget=0)
    assert found.left_out == {"one": "the time ended before it"}
    assert found.late == {"one"}
    assert found.cannot_tell.startswith("no recipe could be tried (")


@pytest.mark.parametrize(("rows", "levels", "reason"), [(30, 30, "30 distinct designs"), (60, 2, "the same score")])
def test_small_and_tied_tables_are_not_tried(told, rows, levels, reason):
    x = np.random.default_rng(0).random((rows, 2))
    found = backtest(mbo.Task("poor", x, np.arange(rows) % levels), [told(1.0)])
    assert reason in found.cannot_tell
    assert not found.picks


def test_noisy_replicates_make_it_unsure(told):
    x = np.repeat(np.random.default_rng(0).random((60, 2)), 2, axis=0)
    y = x[:, 0] + np.tile([-2.0, 2.0], 60)
    assert "replicates differ by" in backtest(mbo.Task("noisy", x, y), [told(1.0)], repeats=3).cannot_tell


def test_large_tables_are_sampled_and_said(table, told):
    found = backtest(table(1500), [told(1.0)], repeats=2)
    assert found.designs == 1000
    assert found.notes == ["used 1,000 of 1,500 designs, drawn at random"]


def test_methods_ask_to_be_tried(tmp_path):
    """By `try_on_tables`; with their preset for tables, which may be a parent's."""
    asked, registry = tmp_path / "keen.toml", mbo.installed()
    asked.write_text('extends = "grad-ascent"\n[method]\nsummary = "keen"\ntry_on_tables = true\n')
    methods = {**registry.methods, "keen": Method("keen", asked, registry.plugins[0])}
    found = candidates(SimpleNamespace(methods=methods, method=methods.__getitem__))
    assert found[:-1] == tuple(CANDIDATES.values())
    assert found[-1] == Candidate("keen", "keen", "table", "keen")


@pytest.mark.slow
def test_every_candidate_can_be_tried(table):
    found = backtest(table(60, noise=0.3), repeats=2, budget=300)
    assert not found.left_out
    assert set(CANDIDATES) <= set(found.tried)
    assert min(found.gain(name).mean for name in CANDIDATES) > 0.3
