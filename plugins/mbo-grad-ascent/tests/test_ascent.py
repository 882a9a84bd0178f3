"""The ascent operator has the published step, its closed forms, and the entropy term of the released code."""

from __future__ import annotations

import math

import pytest
import torch
from mbo_grad_ascent.ascent import ascend, entropy_gradient, scaled, slope_of
from torch.func import grad, vmap

from mbo_core.functional import keys

KEY = keys.key(3)
X = keys.normal(keys.key(5), (6, 4))
SLOPE = torch.tensor([1.0, -2.0, 0.5, 0.0])


def flat(x):
    return x.sum(1) * 0


def hill(x):
    return -(x**4).sum(1) + x[:, 0]


@pytest.mark.parametrize(
    ("shape", "step_size", "step"),
    [
        ((86,), 0.01, 0.0927),
        ((5126,), 0.01, 0.716),
        ((8, 3), 0.01, 0.0490),
        ((237, 19), 0.01, 0.671),
        ((50, 3), 0.01, 0.1225),
        ((64, 4), 0.01, 0.16),
        ((86,), 0.05, 0.464),
        ((8, 3), 2.0, 9.798),
    ],
)
def test_step_grows_with_root_of_encoded_size(shape, step_size, step):
    length = scaled(step_size, torch.zeros(5, math.prod(shape)))
    assert length == step_size * math.sqrt(math.prod(shape))
    assert length == pytest.approx(step, rel=1e-3)


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_linear_score_is_climbed_straight(steps):
    start = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, -1.0, 0.0, 0.5]])
    # Powers of two, so that nothing is rounded; the root of 4 coordinates is 2.
    end = ascend(slope_of(lambda x: x @ SLOPE), start, 0.25, steps, 0.0, KEY)
    assert torch.equal(end, start + steps * 0.5 * SLOPE)


def test_a_concave_quadratic_is_climbed_geometrically():
    curvature, top = torch.tensor([0.5, 1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, -1.0, 2.0])
    end = ascend(slope_of(lambda x: -0.5 * ((x - top) ** 2 * curvature).sum(1)), X, 0.1, 7, 0.0, KEY)
    torch.testing.assert_close(end, top + (1 - 0.2 * curvature) ** 7 * (X - top))


def test_designs_climb_independently_without_entropy():
    order = keys.permutation(keys.key(9), len(X))
    for weight, alone in ((0.0, True), (0.5, False)):
        end = ascend(slope_of(hill), X, 0.01, 5, weight, KEY)
        assert torch.allclose(ascend(slope_of(hill), X[order], 0.01, 5, weight, KEY), end[order]) == alone
        assert torch.allclose(ascend(slope_of(hill), X[:2], 0.01, 5, weight, KEY), end[:2]) == alone


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_entropy_gradient_matches_the_released_loss(rows):
    x, partner = X[:rows], keys.permutation(KEY, rows)
    # There the mean is added to each of the n scores, and so counts n times in their sum.
    published = grad(lambda x: rows * 0.9 * ((x - x[partner]) ** 2).mean())(x)
    torch.testing.assert_close(entropy_gradient(KEY, x, 0.9), published)


def test_entropy_gradient_of_single_design_is_zero():
    assert torch.equal(entropy_gradient(KEY, X[:1], 0.9), torch.zeros(1, 4))


def test_entropy_pairs_change_in_each_step():
    x = X
    for number in range(3):
        x = x + scaled(0.1, x) * entropy_gradient(keys.fold_in(KEY, number), x, 0.9)
    assert torch.equal(ascend(slope_of(flat), X, 0.1, 3, 0.9, KEY), x)


def test_the_end_carries_no_gradient():
    weights = torch.ones(4, requires_grad=True)
    for steps in (0, 2):
        start = X.clone().requires_grad_()
        end = ascend(slope_of(lambda x: torch.tanh(x @ weights)), start, 0.1, steps, 0.5, KEY)
        assert not end.requires_grad
        assert weights.grad is start.grad is None


def test_seeds_together_equal_seeds_alone():
    seeds = keys.split(KEY, 3)
    together = vmap(lambda key: ascend(slope_of(hill), X, 0.01, 3, 0.5, key), randomness="error")(seeds)
    for key, end in zip(seeds, together, strict=True):
        torch.testing.assert_close(end, ascend(slope_of(hill), X, 0.01, 3, 0.5, key))
