"""Policies are the distributions that they say they are, and start as fits to designs."""

from __future__ import annotations

import math

import pytest
import torch
from mbo_reinforce.policy import Categorical, Normal
from torch.distributions import Categorical as Categories
from torch.distributions import Independent
from torch.distributions import Normal as Bell
from torch.func import grad

from mbo_core.functional import keys

KEY = keys.key(3)
MEANS = torch.tensor([1.0, -2.0, 0.5])
LOGITS = keys.normal(keys.key(4), (5, 3))
TOKENS = torch.tensor([[0, 1], [0, 1], [0, 2], [2, 1]])
DESIGNS = torch.nn.functional.one_hot(TOKENS, 3).flatten(1).float()
POLICIES = pytest.mark.parametrize(
    ("policy", "params", "exact"),
    [
        (Normal(0.1), MEANS, Independent(Bell(MEANS, 0.1), 1)),
        (Categorical(5, 3), LOGITS, Independent(Categories(logits=LOGITS), 1)),
    ],
    ids=["normal", "categorical"],
)


@POLICIES
def test_the_log_likelihood_is_one_number_a_design(policy, params, exact):
    x = policy.sample(KEY, params, 7)
    found = policy.log_likelihood(params, x)
    assert found.shape == (7,)
    events = x if exact.event_shape == (3,) else x.reshape(7, 5, 3).argmax(-1)
    torch.testing.assert_close(found, exact.log_prob(events))
    torch.testing.assert_close(policy.entropy(params), exact.entropy())


@POLICIES
def test_draws_follow_the_distribution(policy, params, exact):
    x = policy.sample(KEY, params, 20000)
    mean, std = (exact.mean, exact.stddev) if exact.event_shape == (3,) else _of_rows(exact.base_dist.probs)
    torch.testing.assert_close(x.mean(0), mean, rtol=0, atol=0.02)
    torch.testing.assert_close(x.std(0), std, rtol=0, atol=0.01)


def _of_rows(probabilities):
    p = probabilities.flatten()
    return p, (p * (1 - p)).sqrt()


def test_normal_policy_starts_at_mean_and_keeps_std():
    start = Normal(0.1).start(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    assert start.tolist() == [2.0, 4.0]
    assert Normal(0.1).sample(KEY, start, 5000).std(0).tolist() == pytest.approx([0.1, 0.1], rel=0.05)


def test_a_categorical_policy_starts_at_the_frequencies():
    start = Categorical(2, 3).start(DESIGNS)
    torch.testing.assert_close(start.softmax(-1), torch.tensor([[0.75, 0.0, 0.25], [0.0, 0.75, 0.25]]))
    assert start[0, 1] == start[1, 0] == -torch.inf


def test_absent_token_is_never_drawn_without_gradient():
    policy = Categorical(2, 3)
    start = policy.start(DESIGNS)
    x = policy.sample(KEY, start, 5000).reshape(-1, 2, 3)
    assert (x[:, 0, 1] == 0).all()
    assert (x[:, 1, 0] == 0).all()
    assert (x.sum(0) > 0).sum() == 4
    assert policy.log_likelihood(start, DESIGNS).exp().tolist() == pytest.approx([0.5625, 0.5625, 0.1875, 0.1875])
    slope = grad(lambda params: policy.log_likelihood(params, x.flatten(1)).mean())(start)
    assert slope.isfinite().all()
    assert slope[0, 1] == slope[1, 0] == 0
    assert policy.entropy(start).item() == pytest.approx(-2 * (0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


@pytest.mark.parametrize(("smoothing", "rare"), [(0.4, 0.4 / 3), (1.0, 1 / 3)])
def test_smoothing_spreads_a_share_of_the_probability(smoothing, rare):
    policy = Categorical(2, 3, smoothing)
    found = policy.start(DESIGNS).softmax(-1)
    torch.testing.assert_close(found[0], (1 - smoothing) * torch.tensor([0.75, 0.0, 0.25]) + smoothing / 3)
    assert found.amin().item() == pytest.approx(rare)
    assert (policy.sample(KEY, policy.start(DESIGNS), 500).sum(0) > 0).all()
