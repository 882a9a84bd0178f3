"""The losses on lists keep their published values, gradients and invariants."""

from __future__ import annotations

import math

import pytest
import torch
from mbo_ram.losses import LOSSES, listnet, mean_loss, rank_cosine
from torch.func import grad

Y = torch.tensor([0.0, 1.0, 2.0])
ONES = torch.ones(3)
LONG = torch.linspace(-2, 2, 7, dtype=torch.float64)
S = torch.tensor([0.3, -1.0, 0.2, 2.0, -0.4, 1.5, 0.9], dtype=torch.float64)
ORDER = torch.tensor([4, 0, 6, 2, 5, 1, 3])
NAMES = list(LOSSES)


def ones_like(y):
    return torch.ones_like(y)


@pytest.mark.parametrize(("times", "value"), [(0, 1.098612), (1, 0.832396), (2, 0.992511), (-1, 1.982816)])
def test_listnet_has_these_values(times, value):
    assert listnet(times * Y, Y, ONES).item() == pytest.approx(value, abs=1e-6)


def test_listnet_pulls_by_the_difference_of_shares():
    slope = grad(listnet)(torch.zeros(3), Y, ONES)
    assert slope.tolist() == pytest.approx([0.243303, 0.088605, -0.331908], abs=1e-6)


def test_listnet_is_smallest_where_it_copies_the_scores():
    """Its minimum is the entropy of the target, at y plus any number."""
    assert grad(listnet)(LONG + 3, LONG, ones_like(LONG)).abs().max() < 1e-12


@pytest.mark.parametrize(("scale", "value"), [(1.0, 0.0), (3.0, 0.0), (-1.0, 2.0), (-0.2, 2.0)])
def test_rank_cosine_lies_between_0_and_2(scale, value):
    assert rank_cosine(scale * LONG + 5, LONG, ones_like(LONG)).item() == pytest.approx(value, abs=1e-6)
    assert 0 < rank_cosine(S, LONG, ones_like(LONG)) < 2


def test_rank_cosine_ignores_the_scale():
    here, there = (rank_cosine(one, LONG, ones_like(LONG)) for one in (S, 3 * S + 1))
    torch.testing.assert_close(here, there)


def test_ranknet_is_the_mean_over_pairs():
    s = [0.5, -0.5, 1.0]
    pairs = [(1, 0), (2, 0), (2, 1)]
    expected = sum(math.log1p(math.exp(s[low] - s[high])) for high, low in pairs) / 3
    assert LOSSES["ranknet"](torch.tensor(s), Y, ONES).item() == pytest.approx(expected, rel=1e-6)


def test_lambdarank_weighs_pairs_by_the_change_of_ndcg():
    s, gain = [0.5, -0.5, 1.0], [math.exp(y) for y in (0, 1, 2)]
    discount = [1 / math.log2(1 + rank) for rank in (2, 3, 1)]
    best = gain[2] + gain[1] / math.log2(3) + gain[0] / 2
    expected = sum(
        abs((gain[high] - gain[low]) * (discount[high] - discount[low]))
        / best
        * math.log2(1 + math.exp(s[low] - s[high]))
        for high, low in [(1, 0), (2, 0), (2, 1)]
    )
    assert LOSSES["lambdarank"](torch.tensor(s), Y, ONES).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_shift_of_all_predictions_changes_nothing(name):
    loss = LOSSES[name]
    torch.testing.assert_close(loss(S + 4, LONG, ones_like(S)), loss(S, LONG, ones_like(S)))
    assert grad(loss)(S, LONG, ones_like(S)).sum().abs() < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_rows_changes_nothing(name):
    loss, w = LOSSES[name], torch.linspace(0.5, 2, 7, dtype=torch.float64)
    torch.testing.assert_close(loss(S[ORDER], LONG[ORDER], w[ORDER]), loss(S, LONG, w))


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_weight_0_is_absent(name):
    loss, w = LOSSES[name], torch.tensor([1.0, 1, 0, 1, 1, 0, 1], dtype=torch.float64)
    kept = w > 0
    torch.testing.assert_close(loss(S, LONG, w), loss(S[kept], LONG[kept], w[kept]))
    assert (grad(loss)(S, LONG, w)[~kept] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_weight_2_stands_twice(name):
    loss, w = LOSSES[name], torch.tensor([2.0, 1, 1, 1, 2, 1, 1], dtype=torch.float64)
    twice = torch.tensor([0, 0, 1, 2, 3, 4, 4, 5, 6])
    torch.testing.assert_close(loss(S, LONG, w), loss(S[twice], LONG[twice], torch.ones(9, dtype=torch.float64)))


@pytest.mark.parametrize("name", NAMES)
def test_a_step_down_the_loss_improves_the_order(name):
    slope = grad(LOSSES[name])(torch.zeros(7, dtype=torch.float64) + 1e-3 * S, LONG, ones_like(LONG))
    assert slope @ LONG < 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("s", "y"),
    [([0.4], [1.0]), ([0.0, 0.0], [1.0, 1.0]), ([0.3, 0.3, 0.3], [0.0, 1.0, 2.0]), ([0.0, 9.0], [1e4, -1e4])],
    ids=["one row", "all equal", "equal predictions", "huge scores"],
)
def test_odd_lists_give_finite_gradients(name, s, y):
    s, y = torch.tensor(s), torch.tensor(y)
    slope = grad(LOSSES[name])(s, y, ones_like(y))
    assert LOSSES[name](s, y, ones_like(y)).isfinite()
    assert slope.isfinite().all()
    if len(set(y.tolist())) == 1:
        assert (slope.abs() < 1e-6).all()


@pytest.mark.parametrize("name", NAMES)
def test_lists_count_by_their_weight(name):
    s, y = torch.stack([S, -S]), torch.stack([LONG, LONG])
    w = torch.stack([ones_like(S), 2 * ones_like(S)])
    one, other = (LOSSES[name](*rows) for rows in zip(s, y, w, strict=True))
    torch.testing.assert_close(mean_loss(name, s, y, w), (one + 2 * other) / 3)
    w[1] = 0
    torch.testing.assert_close(mean_loss(name, s, y, w), one)
    assert mean_loss(name, s, y, 0 * w) == 0
    assert (grad(lambda s: mean_loss(name, s, y, 0 * w))(s) == 0).all()
