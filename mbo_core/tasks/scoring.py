"""Percentiles of scores, and their mean and spread over seeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (100, 50)
"""What is reported: the best of a seed's candidates, and the median."""


def percentile(values: NDArray[np.float64], q: float) -> float:
    """The q-th percentile of n values.

    Args:
        values: (n,).
        q: 0 to 100.

    It is the value of rank (n - 1) q / 100 with halves rounded to the even rank, as in the published tables, so the
    median of 128 is the 65th smallest.

    >>> percentile(np.arange(128.0), 50)
    64.0
    """
    ordered = np.sort(values)
    return float(ordered[round((len(ordered) - 1) * q / 100)])


def mean_and_std(values: list[float]) -> tuple[float, float]:
    """Mean and population standard deviation over seeds."""
    return float(np.mean(values)), float(np.std(values))
