"""Functions agree with the data, and both ends of a pair are under one of them."""

from __future__ import annotations

import pytest
import torch
from mbo_root.functions import Function, climbed, draw, joined, likeliest, pairs_of, process
from torch.func import grad

from mbo_core.functional import keys

KEY = keys.key(2)


def identity(x):
    return x


@pytest.fixture
def start(data):
    return process(KEY, data, 100, lengthscale=3.0, variance=1.0, noise=0.01)


def test_functions_agree_with_the_data(start, data):
    function = draw(KEY, start, 0.25)
    assert (function.value(data.x) - data.y).square().mean().sqrt() < 0.1


def test_a_function_is_the_posterior_mean(start, data):
    function = draw(KEY, start, 0.0, torch.float64)
    x, known = data.x[:5].double() + 0.3, data.x.double()
    kernel = torch.exp(-(torch.cdist(known, known) ** 2) / 18)
    between = torch.exp(-(torch.cdist(x, known) ** 2) / 18)
    mean = between @ torch.linalg.solve(kernel + 0.01 * torch.eye(60), data.y.double())
    assert torch.allclose(function.value(x), mean, atol=1e-6)


def test_the_slope_is_the_gradient(start, data):
    start = start._replace(scale=start.scale * torch.tensor([1.0, 0.5, 2.0, 1.0]))
    function = draw(KEY, start, 0.25, torch.float64)
    x = data.x[:7].double() + 0.1
    assert torch.allclose(function.slope(x), grad(lambda x: function.value(x).sum())(x), atol=1e-8)


def test_each_function_has_its_own_lengthscale(start):
    drawn = [draw(each, start, 0.25).lengthscale for each in keys.split(KEY, 40)]
    assert min(drawn) > 3 * 0.75
    assert max(drawn) < 3 * 1.25
    assert max(drawn) - min(drawn) > 0.8


def test_the_likeliest_process_is_smooth_for_a_plane(start, data):
    found = likeliest(start)
    assert found.lengthscale * 2 > start.lengthscale * 2
    assert found.noise < 0.01


def test_ends_are_two_steps_apart_after_one():
    a, x = torch.tensor([1.0, -2.0, 0.5]), torch.zeros(4, 3)
    up, down = (climbed(lambda x: a.expand_as(x), x, step, 1, identity) for step in (0.05, -0.05))
    assert torch.allclose(up - down, (2 * 0.05 * a).expand(4, 3))


def test_kept_pairs_rise_under_their_function(start, data):
    function = draw(KEY, start, 0.25)
    pairs = pairs_of(function, data.x, 0.01, 20, 0.05, identity)
    assert 0 < len(pairs.low) <= 60
    assert (pairs.y_high - pairs.y_low > 0.05).all()
    assert torch.equal(function.value(pairs.low), pairs.y_low)
    assert torch.equal(function.value(pairs.high), pairs.y_high)


def test_steps_of_zero_keep_no_pair(start, data):
    assert len(pairs_of(draw(KEY, start, 0.25), data.x, 0.0, 20, 1e-3, identity).low) == 0


def test_ends_lie_in_the_space(start, data):
    pairs = pairs_of(draw(KEY, start, 0.25), data.x, 0.1, 20, 1e-3, lambda x: x.clamp(-1, 1))
    assert pairs.low.abs().max() <= 1
    assert pairs.high.abs().max() <= 1


def test_pairs_of_functions_are_joined(start, data):
    parts = [pairs_of(draw(each, start, 0.25), data.x, 0.05, 5, 1e-3, identity) for each in keys.split(KEY, 3)]
    assert len(joined(parts).y_low) == sum(len(part.y_low) for part in parts)


def test_a_function_of_one_row_is_a_bump():
    function = Function(torch.zeros(1, 2), torch.ones(1), torch.tensor(2.0), torch.ones(2))
    x = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    assert torch.allclose(function.value(x), torch.tensor([1.0, 0.60653]), atol=1e-5)
