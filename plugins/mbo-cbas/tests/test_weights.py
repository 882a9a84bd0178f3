"""Weights are those of the papers, in logarithms that do not underflow."""

from __future__ import annotations

import math

import pytest
import torch
from mbo_cbas.weights import Scored, effective, log_tail, log_weights, quantile, self_normalised, without_small
from torch.distributions import Normal
from torch.func import vmap

from mbo_core.functional import keys
from mbo_core.stages import Prediction

KEY = keys.key(3)
MEMBERS = Prediction(keys.normal(keys.key(4), (5, 40)), 0.1 + keys.uniform(keys.key(5), (5, 40)))
INFINITE = torch.tensor(torch.inf)
RATIO = 3 * keys.normal(keys.key(6), (40,))


def scored(threshold=0.3, best=1.0) -> Scored:
    tail, improvement = (log_tail(MEMBERS, torch.tensor(each)) for each in (threshold, best))
    return Scored(RATIO, MEMBERS.mean.mean(0), tail, improvement)


def weights(name, rate=20.0, level=0.8):
    return log_weights(name, scored(), rate, level).exp()


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.7, 2.0])
def test_the_tail_is_one_minus_the_mixtures_distribution(threshold):
    below = Normal(MEMBERS.mean.double(), MEMBERS.std.double()).cdf(torch.tensor(threshold).double()).mean(0)
    found = log_tail(MEMBERS, torch.tensor(threshold))
    assert found.shape == (40,)
    torch.testing.assert_close(found.double().exp(), 1 - below, rtol=1e-4, atol=1e-7)


def test_one_member_exceeds_its_mean_half_the_time():
    one = Prediction(torch.tensor([[0.7, -3.0]]), torch.tensor([[0.1, 2.0]]))
    for i, mean in enumerate([0.7, -3.0]):
        assert log_tail(one, torch.tensor(mean)).exp()[i].item() == pytest.approx(0.5)


@pytest.mark.parametrize("distance", [-50.0, -9.5, -1.0, 0.0, 1.0, 5.0, 9.0, 13.0, 40.0, 1000.0])
def test_the_tail_is_exact_where_probabilities_underflow(distance):
    one = Prediction(torch.zeros(1, 1), torch.ones(1, 1))
    exact = torch.special.log_ndtr(torch.tensor([-distance], dtype=torch.float64))
    torch.testing.assert_close(log_tail(one, torch.tensor(distance)).double(), exact, rtol=1e-5, atol=1e-7)


def test_infinite_thresholds_leave_ratio_or_nothing():
    """A threshold of -inf leaves the ratio alone; at inf no sample has weight."""
    for threshold, expected in ((-1e30, RATIO.exp()), (1e30, torch.zeros(40)), (1e3, torch.zeros(40))):
        found = log_weights("cbas", scored(threshold), 20.0, 0.8).exp()
        torch.testing.assert_close(found, expected)
    assert (log_tail(MEMBERS, -INFINITE) == 0).all()
    assert (log_tail(MEMBERS, INFINITE) == -torch.inf).all()


@pytest.mark.parametrize(
    ("count", "q", "rank"),
    [(1000, 0.8, 799), (1000, 1.0, 999), (1000, 0.0, 0), (1000, 0.95, 949), (4, 0.5, 2), (6, 0.5, 2), (1, 0.3, 0)],
)
def test_quantile_is_nearest_rank_with_halves_to_even(count, q, rank):
    assert quantile(keys.permutation(KEY, count).float(), q) == rank


def test_each_weighting_is_its_formula():
    tail, mean = scored().log_tail.exp(), scored().mean
    torch.testing.assert_close(weights("cbas"), RATIO.exp() * tail)
    torch.testing.assert_close(weights("dbas"), tail)
    torch.testing.assert_close(weights("rwr", rate=2.0), (2 * mean).exp() / (2 * mean).exp().max())
    improvement = scored().log_improvement
    chosen = torch.zeros(40).scatter(0, improvement.argsort()[31:], 1.0)
    assert torch.equal(weights("cem-pi"), chosen)


def test_improvement_is_ranked_even_where_it_underflows():
    far = scored()._replace(log_improvement=-1e3 * torch.arange(40.0))
    assert log_weights("cem-pi", far, 0.0, 0.8).exp().sum() == 9


def test_a_large_rate_overflows_nothing():
    assert weights("rwr", rate=1e4).isfinite().all()
    assert weights("rwr", rate=1e4).max() == 1


@pytest.mark.parametrize(("cut_off", "left"), [(0.0, 4), (1e-6, 3), (1e-2, 2), (2.0, 0)])
def test_small_weights_are_dropped(cut_off, left):
    log_w = torch.tensor([1.0, 1e-1, 1e-5, 1e-7]).log()
    kept = without_small(log_w, cut_off)
    assert (kept > -torch.inf).sum() == left
    assert torch.equal(kept[:left], log_w[:left])


def test_normalised_weights_average_one_and_keep_their_proportions():
    for shift in (0.0, -500.0, 500.0):
        w = self_normalised(RATIO + shift).exp()
        assert w.mean().item() == pytest.approx(1, abs=1e-4)
        torch.testing.assert_close(w / w[0], (RATIO - RATIO[0]).exp(), rtol=1e-3, atol=0)
    nothing = torch.full((5,), -torch.inf)
    assert torch.equal(self_normalised(nothing), nothing)


def test_the_effective_size_counts_equal_weights():
    for shift in (0.0, -500.0):
        assert effective(torch.zeros(40) + shift).item() == pytest.approx(40, rel=1e-3)
        w = RATIO.exp()
        assert effective(RATIO + shift).item() == pytest.approx((w.sum() ** 2 / (w**2).sum()).item(), rel=1e-3)
    assert effective(torch.tensor([0.0, -300.0, -300.0])) == 1
    assert effective(torch.full((5,), -torch.inf)) == 0


@pytest.mark.parametrize(
    ("positions", "classes", "expected"), [(8, 4, 0.14), (50, 4, 0.015)], ids=["8-letters", "50-letters"]
)
def test_effective_share_shrinks_with_design_length(positions, classes, expected):
    def share(key):
        first, second = keys.split(key)
        logits = keys.normal(first, (positions, classes)).expand(4000, positions, classes)
        moved = logits + 0.5 * keys.normal(keys.fold_in(first, 1), (4000, positions, classes))
        tokens = keys.categorical(second, moved)[..., None]
        p, q = (each.log_softmax(-1).gather(-1, tokens).sum((1, 2)) for each in (logits, moved))
        return effective(p - q) / 4000

    shares = vmap(share, randomness="error")(keys.split(KEY, 5))
    assert expected / 3 < shares.mean().item() < expected * 3


def test_seeds_together_equal_seeds_alone():
    shifts = torch.tensor([-1.0, 0.0, 2.0])
    together = vmap(lambda by: log_tail(MEMBERS, by), randomness="error")(shifts)
    for by, found in zip(shifts, together, strict=True):
        torch.testing.assert_close(found, log_tail(MEMBERS, by))
    assert math.isfinite(together.sum())
