"""Which designs of a pool are proposed: the best that keep a distance from each other, by tiers if asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mbo_propose.pool import Pool, Tier
from mbo_propose.spacing import Spacing

APART = 0.5
"""Proposals are at least so many spacings apart, as long as there are enough."""
HALVINGS = 5
"""How often that distance is halved before it is given up."""

Places = NDArray[np.int64]


def choose(pool: Pool, spacing: Spacing, count: int, asked: tuple[int, int, int] | None) -> Places:
    """The places of the proposals in the pool, best first.

    Each is the best that is left and lies half a spacing from those before; where too few do, the distance is halved,
    in the end given up.

    Args:
        pool: designs that may be proposed.
        spacing: distances.
        count: how many are wanted.
        asked: how many of each tier; None for any.
    """
    points = spacing.to_points(pool.x)
    order = np.argsort(-pool.score, kind="stable")
    if asked is None:
        return _spread(points, order, count)
    taken = np.zeros(0, dtype=np.int64)
    for tier, wanted in zip(Tier, asked, strict=True):
        own = order[pool.tier[order] == tier]
        taken = np.concatenate([taken, _spread(points, own, wanted, taken)])
    return taken[np.lexsort((-pool.score[taken], pool.tier[taken]))]


def _spread(points: NDArray[np.float64], order: Places, count: int, taken: Places | None = None) -> Places:
    """The first of the order that are far enough apart, and from those that are taken already."""
    before = np.zeros(0, dtype=np.int64) if taken is None else taken
    apart, found = APART, order[:0]
    for _ in range(HALVINGS):
        found = _apart(points, order, count, before, apart)
        if len(found) == min(count, len(order)):
            return found
        apart /= 2
    return order[:count]


def _apart(points: NDArray[np.float64], order: Places, count: int, before: Places, apart: float) -> Places:
    far = np.full(len(points), np.inf)
    for one in before:
        far = np.minimum(far, np.linalg.norm(points - points[one], axis=1))
    found: list[int] = []
    for one in order:
        if len(found) == count:
            break
        if far[one] >= apart:
            found.append(int(one))
            far = np.minimum(far, np.linalg.norm(points - points[one], axis=1))
    return np.array(found, dtype=np.int64)
