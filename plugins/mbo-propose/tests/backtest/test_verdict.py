"""Whether a table supports an improvement, and what would help."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mbo_propose.backtest import Backtest, Candidate, Evidence, Picks, verdict
from mbo_propose.backtest.held_out import held_out, left_out_neighbour, rank_correlation
from mbo_propose.backtest.verdict import ruled
from scipy.stats import spearmanr

import mbo_core as mbo

PLACES = [Path(one) for one in (os.environ.get("MBO_DATA_DIR"), Path(__file__).parents[4] / "shared/data") if one]


def test_left_out_scores_are_not_used():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((25, 2)), rng.standard_normal(25)
    y += 3 * x[:, 0]
    seen = held_out(x, y[:, None])
    row = int(np.argmax(y))
    moved = y.copy()
    moved[row] += 1e-3
    again = held_out(x, moved[:, None])
    # The mean of all scores is taken off before: the row's own score counts there by 1/n, and nowhere else.
    assert abs(again.predicted[row, 0] - seen.predicted[row, 0]) <= 1e-3 / 25 * 1.01
    assert seen.error[0] == pytest.approx(np.sqrt(((seen.predicted[:, 0] - y) ** 2).mean()))


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, (30, 3)).astype(float), rng.standard_normal((30, 3))
    assert rank_correlation(a, b) == pytest.approx([spearmanr(a[:, i], b[:, i]).statistic for i in range(3)])
    assert rank_correlation(np.ones((4, 1)), np.arange(4.0)[:, None]) == 0


def test_equally_near_neighbours_count_together():
    assert left_out_neighbour(np.array([[0.0], [1.0], [2.0]]), np.array([5.0, 7.0, 9.0])).tolist() == [7, 7, 7]


@pytest.mark.parametrize(
    ("rows", "effect", "noise", "word"),
    [
        (60, 0.0, 1.0, "does not"),
        (20, 1.0, 0.1, "supports"),
        (60, 1.0, 0.5, "supports"),
        (200, 1.0, 4.0, "weakly"),
        (20, 0.0, 0.0, "does not"),
    ],
)
def test_invented_tables(table, rows, effect, noise, word):
    assert verdict(table(rows, effect=effect, noise=noise)).word == word


def test_an_empty_backtest_is_no_doubt(table):
    """Where there was no time for any recipe, nothing was seen to fail."""
    seen = verdict(table(60, effect=1.0, noise=0.5)).evidence
    found = Backtest((), 60, 24, 36, 7, 3, {"random": {0: Picks(0.0, 1.0, 0.3, 0.0)}})
    assert ruled(seen, found)[0] == "supports"


SOUND = Evidence(60, 1.0, 2.0, 1.5, 0.8, 0.005, 12, 0.7, 0.005, 0.4, 1.2, 199)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({}, "supports"),
        ({"rank_p": 0.06}, "does not"),
        ({"error": 2.0}, "does not"),
        ({"rank_p": 0.02}, "weakly"),
        ({"rank": 0.29}, "weakly"),
        ({"error_of_nearest": 1.0}, "weakly"),
        ({"best_found_p": 0.06}, "weakly"),
    ],
)
def test_the_rule_is_as_written(changed, word):
    assert ruled(replace(SOUND, **changed))[0] == word


@pytest.mark.parametrize(
    ("gains", "word"),
    [([0.5, 0.6, 0.55, 0.5], "supports"), ([0.9, -0.8, 0.1, 0.2], "weakly"), ([-0.9, -0.8, -0.9], "supports")],
)
def test_a_backtest_without_gain_raises_doubt(gains, word):
    seen = Backtest((Candidate("one", "one"),), 100, 40, 60, 8, 4)
    seen.picks = {"one": {repeat: Picks(gain, gain, 0.5) for repeat, gain in enumerate(gains)}}
    assert ruled(SOUND, seen)[0] == word


def test_the_sentence_and_the_numbers_are_there(table):
    seen = verdict(table(60, effect=0.0, noise=1.0))
    assert seen.sentence == "the table does not support an improvement"
    assert "shuffled target" in seen.reasons[0]
    assert seen.evidence.rows == 60
    assert seen.summary()["evidence"]["rank"] == seen.evidence.rank


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 60, 200])
def test_noise_hardly_ever_supports(table, rows):
    words = [verdict(table(rows, seed, effect=0.0, noise=1.0)).word for seed in range(40)]
    assert words.count("supports") <= 1
    assert words.count("does not") >= 35


def test_concrete_supports():
    found = [place / "concrete.csv" for place in PLACES if (place / "concrete.csv").is_file()]
    if not found:
        pytest.skip("concrete.csv is not there; set MBO_DATA_DIR")
    seen = verdict(mbo.read_table(found[0], target="strength_mpa"))
    assert seen.word == "supports"
    assert seen.evidence.error < seen.evidence.error_of_nearest < seen.evidence.error_of_mean


def helps(frame: pd.DataFrame, **more) -> str:
    """What would help a table whose target is y."""
    return "; ".join(verdict(mbo.Task("lab", frame, target="y", **more), shuffles=19).helps)


def test_noise_asks_for_replicates(table):
    task = table(60, effect=0.0, noise=1.0)
    assert "replicate the 3 best designs" in verdict(task).helps[0]
    assert "the predicted gain is 0.1" in verdict(task, predicted_gain=0.1).helps[0]
    assert "replicate" not in "".join(verdict(task, predicted_gain=100.0).helps)


def test_rare_levels_and_constants_are_named():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"salt": ["A", "B"] * 20 + ["C"], "heat": rng.random(41), "stirrer": 5.0, "y": rng.random(41)})
    said = helps(frame)
    assert "a level of salt was tried at most once: C" in said
    assert "never moved" in said
    assert "stirrer" in said


def test_few_rows_ask_for_more(table):
    assert "measure 10 more designs" in "; ".join(verdict(table(30)).helps)
