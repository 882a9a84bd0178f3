"""Which designs of a pool are proposed: the best, or the best of each tier, that keep a distance from all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mbo_propose.pool import Pool, Tier
from mbo_propose.spacing import Spacing

APART = 0.5
"""Proposals are at least so many spacings apart, as long as there are enough."""
COPY = 0.1
"""They are at least so many spacings from every tried design: what is nearer hardly tells anything new."""
HALVINGS = 5
"""How often that distance is halved before it is given up."""

Places = NDArray[np.int64]


def usual(count: int) -> tuple[int, int, int]:
    """How many designs of each tier a batch has where a table does not clearly support an improvement: most are safe.

    >>> usual(16), usual(4), usual(1)
    ((12, 3, 1), (3, 1, 0), (1, 0, 0))
    """
    stretch, explore = round(3 * count / 16), count // 16
    return count - stretch - explore, stretch, explore


def choose(pool: Pool, spacing: Spacing, count: int, asked: tuple[int, int, int] | None) -> Places:
    """The places of the proposals in the pool, tier by tier, best first.

    Each is the best that is left, lies half a spacing from those before, and a tenth from every tried design; where too
    few do, both are halved, in the end given up. Where a tier of the usual batch has too few designs, the nearest of
    the others fill up.

    Args:
        pool: designs that may be proposed.
        spacing: distances.
        count: how many are wanted.
        asked: how many of each tier; None for the usual ones.
    """
    points = spacing.to_points(pool.x)
    order = np.argsort(-pool.score, kind="stable")
    taken = np.zeros(0, dtype=np.int64)
    for tier, wanted in zip(Tier, asked or usual(count), strict=True):
        own = order[pool.tier[order] == tier]
        taken = np.concatenate([taken, _spread(pool, points, own, wanted, taken)])
    if asked is None:
        others = order[~np.isin(order, taken)]
        nearest = others[np.argsort(pool.tier[others], kind="stable")]
        taken = np.concatenate([taken, _spread(pool, points, nearest, count - len(taken), taken)])
    return taken[np.lexsort((-pool.score[taken], pool.tier[taken]))]


def promising(pool: Pool, spacing: Spacing, count: int, trusted: NDArray[np.bool_]) -> Places:
    """The places of the proposals in the pool where the table supports an improvement.

    Half of the batch are the best that are safe or a stretch, so that not all depends on what lies far out; the others
    are the best that are left, at any distance. Designs that are not to be trusted fill up, the nearest first.

    Args:
        pool: designs that may be proposed.
        spacing: distances.
        count: how many are wanted.
        trusted: (n,) which designs can be trusted.
    """
    points, order = spacing.to_points(pool.x), np.argsort(-pool.score, kind="stable")
    fine, doubtful = order[trusted[order]], order[~trusted[order]]
    near = fine[pool.tier[fine] <= Tier.STRETCH]
    last = doubtful[np.argsort(pool.tier[doubtful], kind="stable")]
    taken = _spread(pool, points, near, (count + 1) // 2)
    for left in (fine, last):
        taken = np.concatenate([taken, _spread(pool, points, left[~np.isin(left, taken)], count - len(taken), taken)])
    return taken[np.lexsort((-pool.score[taken], pool.tier[taken]))]


def _spread(pool: Pool, points: NDArray[np.float64], order: Places, count: int, taken: Places | None = None) -> Places:
    """The first of the order that are far enough apart, from tried designs, and from those that are taken already."""
    before = np.zeros(0, dtype=np.int64) if taken is None else taken
    far = pool.distance * (APART / COPY)
    for one in before:
        far = np.minimum(far, np.linalg.norm(points - points[one], axis=1))
    apart, found = APART, order[:0]
    for _ in range(HALVINGS):
        found = _apart(points, order, count, far, apart)
        if len(found) == min(count, len(order)):
            return found
        apart /= 2
    return order[:count]


def _apart(points: NDArray[np.float64], order: Places, count: int, far: NDArray[np.float64], apart: float) -> Places:
    found: list[int] = []
    for one in order:
        if len(found) == count:
            break
        if far[one] >= apart:
            found.append(int(one))
            far = np.minimum(far, np.linalg.norm(points - points[one], axis=1))
    return np.array(found, dtype=np.int64)
