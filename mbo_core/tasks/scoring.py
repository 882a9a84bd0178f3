"""Percentiles of scores, and their mean and standard deviation over seeds."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["nearest", "linear"]


PERCENTILES = (100, 50)
"""The reported percentiles: the best of a seed's candidates, and the median."""


def percentile(values: NDArray[np.float64], q: float, rule: Rule = "nearest") -> float:
    """The q-th percentile of n values.

    Args:
        values: (n,).
        q: 0 to 100.
        rule: `nearest` takes the value of rank (n - 1) q / 100 with halves rounded to the even rank, as the
            published tables do (so the median of 128 is the 65th smallest); `linear` interpolates, as numpy does.

    >>> percentile(np.arange(128.0), 50)
    64.0
    >>> percentile(np.arange(128.0), 50, "linear")
    63.5
    """
    ordered = np.sort(values)
    if rule == "linear":
        return float(np.percentile(ordered, q))
    return float(ordered[round((len(ordered) - 1) * q / 100)])


def summary(values: list[float]) -> tuple[float, float]:
    """Mean and population standard deviation over seeds."""
    return float(np.mean(values)), float(np.std(values))
