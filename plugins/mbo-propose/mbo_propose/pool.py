"""Designs that may be proposed: new, distinct, in the space, and as promising as can be found at each distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from mbo_tabular.variation import Variation
from numpy.typing import NDArray

from mbo_propose.spacing import Spacing

LISTED = 5000
"""Spaces with up to so many designs are listed."""
GENERATIONS = 6
CHILDREN = 256
"""New designs a generation."""
PARENTS = 32
"""Designs of each tier that are changed."""
FEW_CHILDREN = 64
"""The same where sums bind the numbers, as each design may have to be repaired by a program."""

Values = NDArray[np.float64]
Score = Callable[[NDArray[Any]], Values]


class Tier(IntEnum):
    """How far a design lies from those that were tried."""

    SAFE = 0
    """at most one spacing"""
    STRETCH = 1
    """at most two spacings, or within the reach"""
    EXPLORE = 2
    """beyond"""


def tiers(distance: Values, reach: float) -> NDArray[np.int64]:
    """The tier of each design by its distance in spacings, (n,).

    >>> tiers(np.array([0.9, 1.5, 4.0]), reach=1.3)
    array([0, 1, 2])
    """
    return np.searchsorted([1.0 + 1e-9, max(2.0, reach) + 1e-9], distance, side="left").astype(np.int64)


@dataclass(frozen=True, eq=False)
class Pool:
    """Designs that may be proposed.

    Attributes:
        x: (n, length) distinct designs of the space that were not tried.
        score: (n,) what they are ranked by; larger is better.
        distance: (n,) to the nearest tried design, in spacings.
        tier: (n,) their tiers.
    """

    x: NDArray[Any]
    score: Values
    distance: Values
    tier: NDArray[np.int64]

    @classmethod
    def of(cls, x: NDArray[Any], spacing: Spacing, score: Score) -> Pool:
        """The pool of designs (n, length)."""
        if not len(x):
            return cls(x, np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
        distance = spacing.nearest(x).distance
        return cls(x, score(x), distance, tiers(distance, spacing.reach))

    def best(self, count: int) -> NDArray[np.int64]:
        """The places of the best designs of each tier."""
        order = np.argsort(-self.score, kind="stable")
        return np.concatenate([order[self.tier[order] == one][:count] for one in Tier])


def gather(
    tried: NDArray[Any],
    found: NDArray[Any],
    good: NDArray[Any],
    spacing: Spacing,
    score: Score,
    seed: int,
) -> Pool:
    """All designs of a small space that are left; else what the search found, and changed good rows.

    Args:
        tried: (N, length) designs that are not proposed.
        found: (m, length) what the search found.
        good: (g, length) good rows that lie in the space.
        spacing: distances, and the space.
        score: what designs are ranked by.
        seed: of the changes.
    """
    space, known = spacing.space, {design.tobytes() for design in tried + 0}
    every = space.enumerate(LISTED)
    if every is not None:
        return Pool.of(_new(every, known), spacing, score)
    inside = found[space.contains(found)]
    pool = Pool.of(_new(inside, known), spacing, score)
    vary, rng = Variation(space, tried, 0.1), np.random.default_rng([seed, 9])
    for _ in range(GENERATIONS):
        parents = np.concatenate([good, pool.x[pool.best(PARENTS)]])
        count = FEW_CHILDREN if space.constraints else CHILDREN
        one, other = (parents[rng.integers(len(parents), size=count)] for _ in range(2))
        made = space.repair(vary.mutated(rng, vary.crossed(rng, one, other, 0.3), 2)).astype(tried.dtype)
        pool = _joined(pool, Pool.of(_new(made, known), spacing, score))
    return pool


def _new(x: NDArray[Any], known: set[bytes]) -> NDArray[Any]:
    """The designs that are not known yet, once each; they are known from now on."""
    kept = []
    for row, design in enumerate(x + 0):
        name = design.tobytes()
        if name not in known:
            known.add(name)
            kept.append(row)
    return np.asarray(x[kept] + 0)


def _joined(one: Pool, other: Pool) -> Pool:
    pairs = ((getattr(one, name), getattr(other, name)) for name in ("x", "score", "distance", "tier"))
    return Pool(*(np.concatenate(pair) for pair in pairs))
