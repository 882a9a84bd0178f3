"""The audit: how much of a predicted gain is left where an adversary may move the design and choose the proxy."""

from __future__ import annotations

from typing import Any

import numpy as np
from mbo_tabular.variation import Variation
from numpy.typing import NDArray

from mbo_propose.models import Fitted
from mbo_propose.spacing import Spacing

RADIUS = 0.5
"""How far the adversary may move a design, in spacings of the data."""
MOVES = 48
"""Random moves that it tries for each design."""


def gaps(fitted: Fitted, spacing: Spacing, x: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """How far the predicted score of each design (n, length) falls at worst, (n,), in the target's unit.

    The adversary takes the worst prediction of any seed's proxy for any design of the space within half a spacing.
    """
    sign = fitted.task.sign
    claimed = sign * fitted.predict(x).mean
    moved, owner = _around(spacing, x, np.random.default_rng([seed, 8]))
    worst = (sign * fitted.predict(np.concatenate([x, moved])).means).min(axis=0)
    lowest = worst[: len(x)].copy()
    np.minimum.at(lowest, owner, worst[len(x) :])
    return np.asarray(np.maximum(claimed - lowest, 0.0))


def _around(spacing: Spacing, x: NDArray[Any], rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Designs of the space within the radius of each design, (m, length), and which design they belong to, (m,)."""
    space, owner = spacing.space, np.repeat(np.arange(len(x)), MOVES)
    starts = x[owner].astype(np.float64)
    if space.constraints or not space.numbers.any():
        # These moves keep sums; most random ones would have to be repaired.
        moved = Variation(space, x, RADIUS).mutated(rng, starts, 2)
    else:
        moved = spacing.moved(starts, rng, RADIUS)
    made = space.repair(moved)
    far = np.linalg.norm(spacing.to_points(made) - spacing.to_points(starts), axis=1)
    kept = (far <= RADIUS) & (far > 0)
    return made[kept].astype(x.dtype), owner[kept]
