"""Lower bounds for the scores of designs, from the errors of predictions for rows that a proxy did not see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mbo_propose.crossing import HeldOut

ALPHA = 0.1
"""A lower bound is meant to be missed this often."""
FEWEST_EFFECTIVE = 20.0
"""Fewer effective rows, by their weights, bound nothing."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Lower bounds of designs; scores as people have them.

    Attributes:
        lower: a score for each design that it is meant to reach; None: cannot tell.
        flatter: whether the rows weigh more evenly than the designs ask for, as too few rows are predicted so well.
        beyond: the number of designs that are predicted above every row.
    """

    lower: list[float | None]
    flatter: bool = False
    beyond: int = 0

    @property
    def note(self) -> str:
        """What a person has to know of them; empty if nothing."""
        if not self.flatter:
            return ""
        said = (
            "is predicted higher than any row and counts"
            if self.beyond == 1
            else "are predicted higher than any row and count"
        )
        count = f"; {self.beyond} {said} as the best of these"
        above = count if self.beyond else ""
        return f"lower bounds are from the errors of the best-predicted rows, as few rows are so promising{above}"


def lower_bounds(known: HeldOut, predicted: Values, sign: int, alpha: float = ALPHA) -> Bounds:
    """Bounds that the score of each design is meant to reach with the chance 1 - alpha.

    Weighted split-conformal (Tibshirani et al., NeurIPS 2019). A row counts by exp(prediction / T), where T makes the
    weighted mean of the rows' predictions that of the designs': designs of a search are like the rows that are
    predicted to be good. Most searches find designs that are predicted better than nearly all rows; then T is the
    smallest that leaves enough effective rows to bound the best-predicted one, and what is predicted above every row
    counts as predicted like this one. Such a bound holds for designs that are at least as good as the rows that are
    predicted best. With rows of several folds all are approximate.

    Args:
        known: predictions for rows by proxies that were not trained on them.
        predicted: (n,) predictions for the designs.
        sign: -1 if smaller scores are better.
        alpha: how often a bound may be missed.
    """
    rows, top = sign * known.predicted, float((sign * known.predicted).max())
    designs = np.minimum(sign * predicted, top)
    if len(rows) < max(FEWEST_EFFECTIVE, 1 / alpha - 1):
        return Bounds([None] * len(designs))
    like = _smallest(rows, lambda weights: (weights @ rows) / weights.sum() <= designs.mean())
    least = _smallest(rows, lambda weights: _enough(weights, alpha))
    temperature = max(like, least)
    weights = np.exp((rows - top) / temperature)
    excess = rows - sign * known.observed
    order = np.argsort(excess, kind="stable")
    # A share of the weights, the design's own among them, has at most this excess.
    share = weights[order].cumsum() / (weights.sum() + np.exp((designs - top) / temperature)[:, None])
    place = order[(share < 1 - alpha).sum(1).clip(max=len(order) - 1)]
    return Bounds((sign * (designs - excess[place])).tolist(), least > like, int((sign * predicted > top).sum()))


def _enough(weights: Values, alpha: float) -> bool:
    """Whether enough rows count, and the heaviest design, whose own weight is 1, is at most half of what may miss.

    If it were all of it, the bound would be from the worst error of all rows.
    """
    return bool(weights.sum() ** 2 / (weights**2).sum() >= FEWEST_EFFECTIVE and alpha * (weights.sum() + 1) >= 2)


def _smallest(rows: Values, holds: Callable[[Values], bool]) -> float:
    """The smallest T whose weights exp(prediction / T) have a property that they keep when T grows; bisection."""
    spread = float(rows.std()) or 1.0
    low, high = 1e-3 * spread, 1e3 * spread
    for _ in range(60):
        middle = float(np.sqrt(low * high))
        weights = np.exp((rows - rows.max()) / middle)
        low, high = (low, middle) if holds(weights) else (middle, high)
    return high
