"""The bridge, with the figures of the specification, and the way back along it."""

from __future__ import annotations

import pytest
import torch
from mbo_root.bridge import TIMES, earlier, examples, fresh_variance, noised, share, variance

from mbo_core.functional import keys

KEY = keys.key(1)


@pytest.mark.parametrize(("time", "m", "v"), [(0.0, 0.001, 0.001998), (0.5, 0.5, 0.5), (1.0, 0.999, 0.001998)])
def test_both_ends_are_nearly_certain(time, m, v):
    assert share(time) == pytest.approx(m)
    assert variance(share(time)) == pytest.approx(v)


@pytest.mark.parametrize(
    ("time", "then", "fresh", "kept"),
    [(1.0, 0.995, 0.00993015, 0.00197809), (0.5, 0.495, 0.00988040, 0.49006980), (0.005, 0.0, 0.00166611, 0.00033189)],
)
def test_variance_of_a_step(time, then, fresh, kept):
    assert fresh_variance(time, then) == pytest.approx(fresh, abs=1e-8)
    assert variance(share(then)) - fresh_variance(time, then) == pytest.approx(kept, abs=1e-8)


@pytest.mark.parametrize("steps", [1, 7, 50, 200, 1000])
def test_no_variance_is_negative(steps):
    for number in range(steps):
        time, then = (1 - place / steps for place in (number, number + 1))
        assert 0 < fresh_variance(time, then) < variance(share(then))


def test_target_is_the_way_from_the_high_end(pairs):
    for time in (0.0, 0.001, 0.5, 1.0):
        x, target = noised(pairs, torch.full((300,), time), keys.normal(KEY, (300, 4)))
        assert torch.allclose(x - pairs.high, target, atol=1e-6)


def test_points_spread_as_the_bridge_says(pairs):
    x, _ = noised(pairs, torch.full((300,), 0.3), keys.normal(KEY, (300, 4)))
    m = share(0.3)
    error = x - (1 - m) * pairs.high - m * pairs.low
    assert error.mean().abs() < 0.06
    assert error.var() == pytest.approx(variance(m), rel=0.1)


def test_a_step_back_keeps_the_bridges_spread():
    """With all of the fresh noise a point at a time becomes one of an earlier time."""
    time, then, ends = 0.7, 0.4, torch.zeros(4000, 1)
    x = variance(share(time)) ** 0.5 * keys.normal(keys.key(8), (4000, 1))
    back = earlier(x, ends, ends, time, then, keys.normal(KEY, (4000, 1)), 1.0)
    assert back.var() == pytest.approx(variance(share(then)), rel=0.1)


def test_examples_are_points_of_bridges(pairs):
    seen = examples(KEY, pairs, 0.0)
    times = seen.time * TIMES
    assert torch.allclose(times, times.round(), atol=1e-4)
    assert times.min() < 30
    assert times.max() > 970
    assert torch.allclose(seen.conditions[:, 0], seen.conditions[:, 1] + 4, atol=1e-5)
    assert torch.allclose((seen.x - seen.target).sum(1), seen.conditions[:, 0], atol=1e-5)


@pytest.mark.parametrize("dropped", [0.0, 0.15, 1.0])
def test_so_many_conditions_are_hidden(pairs, dropped):
    hidden = (examples(KEY, pairs, dropped).conditions == 0).all(1)
    assert hidden.float().mean() == pytest.approx(dropped, abs=0.05)
