"""The weights lean to high scores, away from scarce ones, and average 1 unless the cap cuts."""

from __future__ import annotations

import pytest
import torch
from mbo_mins.weights import Weighting, effective

from mbo_core.functional import keys

KEY = keys.key(3)
ROWS = 10_000
WEIGHTING = Weighting()


def standardised(y):
    return (y - y.mean()) / y.std(correction=0)


def truncated():
    """A normal distribution of which the upper 60 % are hidden, as in most of Design-Bench."""
    return standardised(torch.sort(keys.normal(KEY, (25_000,))).values[:ROWS])


SCORES = {
    "truncated": truncated(),
    "uniform": standardised(keys.uniform(KEY, (ROWS,))),
    "normal": standardised(keys.normal(KEY, (ROWS,))),
}


@pytest.mark.parametrize("name", SCORES)
def test_weights_are_one_a_row_and_within_bounds(name):
    w = WEIGHTING.weights(SCORES[name])
    assert w.shape == (ROWS,)
    assert w.min() >= 0
    assert w.max() <= 5


@pytest.mark.parametrize("name", SCORES)
def test_the_target_sums_to_1(name):
    assert WEIGHTING.target(SCORES[name]).sum().item() == pytest.approx(1, abs=2e-6)


@pytest.mark.parametrize("name", SCORES)
def test_uncapped_weights_average_1(name):
    w = Weighting(largest=1e9).weights(SCORES[name])
    assert w.mean().item() == pytest.approx(1, abs=1e-3)


def test_cap_removes_mass_of_long_right_tails():
    w = {name: WEIGHTING.weights(y) for name, y in SCORES.items()}
    assert w["truncated"].mean() > 0.9
    assert effective(w["truncated"]) > 1500
    assert w["uniform"].mean().item() == pytest.approx(0.42, abs=0.02)
    assert (w["uniform"] == 5).float().mean().item() == pytest.approx(0.05, abs=0.01)
    # Next to nothing is left to learn from.
    assert w["normal"].mean() < 0.03
    assert effective(w["normal"]) < 60


def test_higher_bins_of_equal_share_weigh_more():
    y = torch.arange(400.0) / 100
    w = Weighting(temperature=1.0, largest=1e9).weights(y)
    assert (WEIGHTING.shares(y) == 1 / 20).all()
    assert (w.diff() >= 0).all()
    # Neighbouring bins are 0.2 apart.
    assert (w[-1] / w[-21]).item() == pytest.approx(torch.tensor(0.1995).exp().item(), rel=1e-4)


def test_bins_are_closed_below():
    """The best score is in the last bin."""
    y = torch.arange(21.0)
    assert WEIGHTING.bins_of(y).tolist() == [*range(20), 19]
    for scores in SCORES.values():
        assert WEIGHTING.bins_of(scores)[scores.argmax()] == 19
        assert WEIGHTING.bins_of(scores)[scores.argmin()] == 0


def test_a_high_temperature_flattens_the_target():
    y = torch.arange(400.0) / 100
    torch.testing.assert_close(Weighting(temperature=1e6).target(y), torch.full((20,), 0.05), rtol=0, atol=1e-5)


def test_empty_bins_have_no_target():
    """Bins with few rows have little."""
    y = torch.cat([torch.zeros(9_999), torch.ones(1)])
    target = Weighting(temperature=1e6).target(y)
    assert (target[1:19] == 0).all()
    # Shares of nearly 1 and of 1e-4, against a lambda of 1e-3.
    assert (target[19] / target[0]).item() == pytest.approx((1e-4 / 1.1e-3) * 1.001, rel=1e-3)


def test_without_smoothing_empty_bins_have_no_target_either():
    y = torch.cat([torch.zeros(99), torch.ones(1)])
    target = Weighting(temperature=1e6, smoothing=0.0).target(y)
    torch.testing.assert_close(target[[0, -1]], torch.full((2,), 0.5), rtol=0, atol=1e-5)
    assert (target[1:19] == 0).all()


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-45])
def test_cold_target_is_in_the_best_bin(temperature):
    target = Weighting(temperature=temperature).target(SCORES["truncated"])
    torch.testing.assert_close(target, torch.eye(20)[-1], rtol=0, atol=1e-6)


def test_temperature_0_is_taken_from_the_data():
    adaptive = Weighting(temperature=0)
    y = torch.linspace(0, 1, 101)
    assert float(adaptive.temperature_of(y)) == pytest.approx(0.1)
    assert float(adaptive.temperature_of(torch.ones(9))) == pytest.approx(1e-3)
    torch.testing.assert_close(adaptive.weights(y), Weighting(temperature=0.1).weights(y))


def test_equal_scores_weigh_alike():
    w = WEIGHTING.weights(torch.zeros(50))
    assert (w == w[0]).all()
    assert w[0].item() == pytest.approx(1, abs=1e-5)
