"""Which rows of a large table are drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRAWN = 1500
"""Points of a chart; more would make the page large and slow."""
BEST = 200
"""The best rows among them."""


def drawn(y: NDArray[np.float64], most: int = DRAWN) -> NDArray[np.int64]:
    """The places of the rows to draw, in order: all of them, or the best and a random part of the others.

    Args:
        y: (n,) scores, larger is better.
        most: the number of points.
    """
    if len(y) <= most:
        return np.arange(len(y))
    order = np.argsort(-y, kind="stable")
    best, others = order[: min(BEST, most)], order[min(BEST, most) :]
    chance = np.random.default_rng(0).permutation(others)[: most - len(best)]
    return np.sort(np.concatenate([best, chance]))


def sentence(total: int, most: int = DRAWN) -> str:
    """What was left out, or nothing."""
    if total <= most:
        return ""
    return f"{most:,} of {total:,} rows are drawn: the {min(BEST, most)} best, and others at random."
