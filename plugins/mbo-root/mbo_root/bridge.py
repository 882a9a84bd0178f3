"""A Brownian bridge between a design of high score, at time 0, and one of low score, at time 1 (Li et al., CVPR 2023).

Times are shares of the whole, in [0, 1]; the released code counts them from 0 to 1000. `m` is the share of the low end,
and `2 (m - m^2)` the variance.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import Key
from mbo_root.functions import Pairs

TIMES = 1000
"""Training has this many times and time 0."""
EDGE = 1e-3
"""The share of the far end at either end of the bridge."""

Number = TypeVar("Number", float, Tensor)


class Examples(NamedTuple):
    """What the network learns: regression of `target` on the other three."""

    x: Tensor
    """(p, d) points of bridges"""
    time: Tensor
    """(p,)"""
    conditions: Tensor
    """(p, 2) the scores of the high and of the low end"""
    target: Tensor
    """(p, d) x less the high end"""

    def part(self, rows: Tensor | slice) -> Examples:
        """Some of them."""
        return Examples(*(column[rows] for column in self))


def share(time: Number) -> Number:
    """The share m of the low end.

    >>> [round(share(time), 6) for time in (0.0, 0.5, 1.0)]
    [0.001, 0.5, 0.999]
    """
    return EDGE + (1 - 2 * EDGE) * time


def variance(m: Number) -> Number:
    """The variance of the bridge.

    >>> [round(variance(share(time)), 6) for time in (0.0, 0.5, 1.0)]
    [0.001998, 0.5, 0.001998]
    """
    return 2 * (m - m * m)


def noised(pairs: Pairs, time: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """A point of each pair's bridge at its time, and how far it is from the high end, both (p, d).

    Args:
        pairs: p of them.
        time: (p,)
        noise: (p, d) standard normal.
    """
    m = share(time)[:, None]
    moved = m * (pairs.low - pairs.high) + variance(m).sqrt() * noise
    return pairs.high + moved, moved


def examples(key: Key, pairs: Pairs, dropped: float) -> Examples:
    """One point of each pair's bridge, in random order.

    Args:
        key: for times, noise, order, and which conditions are dropped.
        pairs: p of them.
        dropped: the share of examples whose conditions are set to 0.
    """
    order_key, time_key, noise_key, drop_key = keys.split(key, 4)
    pairs = Pairs(*(column[keys.permutation(order_key, len(column))] for column in pairs))
    time = keys.randint(time_key, pairs.y_low.shape, TIMES + 1).to(pairs.low.dtype) / TIMES
    x, target = noised(pairs, time, keys.normal(noise_key, pairs.low.shape))
    conditions = torch.stack([pairs.y_high, pairs.y_low], 1)
    told = keys.uniform(drop_key, pairs.y_low.shape) >= dropped
    return Examples(x, time, conditions * told[:, None], target)


def fresh_variance(time: float, then: float) -> float:
    """The variance that is lost on the way from a time to an earlier one, and may be replaced by new noise.

    >>> round(fresh_variance(1.0, 0.995), 8)
    0.00993015
    """
    m, n = share(time), share(then)
    v, left = variance(m), variance(n)
    return (v - left * ((1 - m) / (1 - n)) ** 2) * left / v


def earlier(x: Tensor, high: Tensor, low: Tensor, time: float, then: float, noise: Tensor, randomness: float) -> Tensor:
    """The point of the bridge at an earlier time.

    Args:
        x: (n, d) at `time`.
        high: (n, d) the high end as it is estimated now.
        low: (n, d) the low end.
        time: of x.
        then: the earlier time.
        noise: (n, d) standard normal.
        randomness: what the new noise is multiplied by.
    """
    m, n = share(time), share(then)
    fresh = fresh_variance(time, then)
    spread = math.sqrt((variance(n) - fresh) / variance(m))
    kept = spread * (x - (1 - m) * high - m * low)
    return (1 - n) * high + n * low + kept + randomness * math.sqrt(fresh) * noise
