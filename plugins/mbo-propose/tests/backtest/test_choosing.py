"""The corrected interval, and when another recipe than the default is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from mbo_propose.backtest import Backtest, Candidate, Picks, choose
from mbo_propose.backtest.running import picks
from mbo_propose.backtest.splits import split
from mbo_propose.backtest.statistics import holm, interval
from scipy.stats import t

NAMES = ("perturbed-rows", "committee", "gp", "networks")


def test_the_interval_is_that_of_nadeau_and_bengio():
    seen = interval([0.1, 0.3, 0.2, 0.4], ratio=1.5)
    error = np.sqrt(np.var([0.1, 0.3, 0.2, 0.4], ddof=1) * (1 / 4 + 1.5))
    assert (seen.mean, seen.wins) == (pytest.approx(0.25), 1.0)
    assert seen.upper - seen.mean == pytest.approx(error * t.ppf(0.9, 3))
    assert seen.p == pytest.approx(2 * t.sf(0.25 / error, 3))


def test_one_repeat_tells_nothing():
    assert interval([0.5], 1.5).lower == -np.inf


def test_holm_stops_at_the_first_that_fails():
    assert holm([0.04, 0.01, 0.2], 0.05) == [False, True, False]


def ridge_picks(x, y, seed):
    """The gain of kernel ridge regression on what a split leaves visible."""
    parts = split(y, seed)
    known, scores = x[parts.visible], y[parts.visible]
    k = lambda a, b: np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / 16)  # noqa: E731
    weights = np.linalg.solve(k(known, known) + 0.01 * np.eye(len(known)), scores - scores.mean())
    return picks(k(x[parts.hidden], known) @ weights, y[parts.hidden], parts.top, 12).gain


def test_noise_is_not_above_zero():
    """The plain interval is, on many tables of noise; that is why it is corrected."""
    plain = corrected = 0
    for one in range(40):
        rng = np.random.default_rng(one)
        x, y = rng.standard_normal((100, 8)), rng.standard_normal(100)
        gains = [ridge_picks(x, y, seed) for seed in range(20)]
        plain += interval(gains, 0).lower > 0
        corrected += interval(gains, 1.5).lower > 0
    assert plain >= 8
    assert corrected <= 1


def found(**gains: list[float]) -> Backtest:
    """A backtest in which recipes had these gains, `forest` meaning the forest."""
    named = {{"forest": NAMES[0]}.get(name, name): values for name, values in gains.items()}
    record = Backtest(tuple(Candidate(name, name) for name in named), 100, 40, 60, 8, 8)
    record.picks = {
        name: {repeat: Picks(gain, gain, 0.5, seconds) for repeat, gain in enumerate(values)}
        for seconds, (name, values) in enumerate(named.items())
    }
    return record


EVEN = [0.5, 0.6, 0.55, 0.5, 0.62, 0.58]


@pytest.mark.parametrize(
    ("gains", "chosen"),
    [
        (
            {"forest": [0.3] * 6, "committee": EVEN, "gp": [one + 0.02 * (-1) ** i for i, one in enumerate(EVEN)]},
            "committee",
        ),
        ({"forest": [0.3] * 6, "committee": EVEN, "gp": [one + 0.3 + 0.01 * i for i, one in enumerate(EVEN)]}, "gp"),
        # The gain is large, but not in three quarters of the repeats.
        ({"forest": [0.1] * 6, "committee": [0.1] * 6, "gp": [0.9, 0.9, 0.9, 0.9, 0.05, 0.05]}, "committee"),
        # Better than the committee, but no better than the forest, which then is what is chosen.
        (
            {
                "forest": [one + 0.4 for one in EVEN],
                "committee": EVEN,
                "gp": [one + 0.3 + 0.01 * i for i, one in enumerate(EVEN)],
            },
            "perturbed-rows",
        ),
        # Two are clearly better and alike: the cheaper one.
        (
            {
                "forest": [0.3] * 6,
                "committee": EVEN,
                "gp": [one + 0.30 for one in EVEN],
                "networks": [one + 0.3 + 0.02 * (-1) ** i for i, one in enumerate(EVEN)],
            },
            "gp",
        ),
        # The committee is clearly worse than the process, but a forest of uneven luck is better on average.
        (
            {"forest": [0.2, 2.0] * 3, "committee": EVEN, "gp": [one + 0.3 + 0.01 * i for i, one in enumerate(EVEN)]},
            "committee",
        ),
        # Too few repeats.
        ({"forest": [0.3] * 3, "committee": EVEN[:3], "gp": [0.9, 0.91, 0.92]}, "committee"),
    ],
)
def test_the_default_is_left_on_clear_evidence(gains, chosen):
    choice = choose(found(**gains), "committee")
    assert (choice.recipe.name, choice.switched) == (chosen, chosen != "committee")
    assert chosen in choice.reasons[0]


def test_many_comparisons_ask_for_more():
    """A difference that is enough for one rival is not for eight."""
    better = [one + 0.25 + 0.06 * (-1) ** i for i, one in enumerate(EVEN)]
    others = {f"other{i}": [one + 0.05 * (-1) ** (i + j) for j, one in enumerate(EVEN)] for i in range(7)}
    assert choose(found(committee=EVEN, gp=better), "committee").recipe.name == "gp"
    assert choose(found(committee=EVEN, gp=better, **others), "committee").recipe.name == "committee"


def test_unsure_backtests_keep_the_default():
    record = found(committee=[0.1] * 6, gp=[0.9] * 6)
    record.cannot_tell = "noise"
    assert choose(record, "committee").reasons[0] == "the backtest cannot tell: noise"
    assert not choose(record, "committee").switched


def test_a_default_that_failed_is_replaced_and_said():
    record = found(committee=[0.1] * 6, gp=[0.4] * 6, networks=[0.3] * 6)
    record.left_out["committee"] = "no such plugin"
    del record.picks["committee"]
    choice = choose(record, "committee")
    assert choice.recipe.name == "gp"
    assert "no such plugin" in choice.reasons[0]


def test_a_default_that_lacked_time_is_kept():
    record = found(committee=[0.1], gp=[0.9])
    record.left_out["committee"], record.late = "a training of 9 s and more does not fit into the time", {"committee"}
    del record.picks["committee"]
    choice = choose(record, "committee")
    assert (choice.recipe.name, choice.switched) == ("committee", False)
    assert "does not fit" in choice.reasons[0]
