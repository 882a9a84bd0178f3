"""Replicates: rows of one design become one row with their mean score, their number and a pooled error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Replicates:
    """What is known of the noise of a table whose replicates were merged.

    Attributes:
        counts: (N,) int64 the number of measurements of each design.
        pooled_std: the pooled standard deviation of a single measurement: the root of the squared deviations from the
            mean of each design, over the number of measurements less that of the designs.
    """

    counts: NDArray[np.int64]
    pooled_std: float

    @property
    def repeated(self) -> int:
        """The number of designs that were measured more than once."""
        return int((self.counts > 1).sum())

    @property
    def note(self) -> str:
        """One sentence for people."""
        designs = "1 design was" if self.repeated == 1 else f"{self.repeated} designs were"
        return (
            f"{designs} measured more than once: pooled standard deviation {self.pooled_std:.3g}; each counts as one"
            " design with its mean score, weighted by the number of its measurements"
        )


class Merged(NamedTuple):
    """Distinct designs in the order of their first rows."""

    x: NDArray[Any]
    """(n, length)"""
    y: NDArray[np.float64]
    """(n,) the mean score of each, over its rows by their weights."""
    w: NDArray[np.float64]
    """(n,) the sum of the weights of its rows, with mean 1.

    A mean of m measurements has the variance s^2 / m, and the pooled s is the same for all: 1/variance goes as m.
    """
    replicates: Replicates


def numbered(x: NDArray[Any]) -> NDArray[np.int64]:
    """The number of each row's design, (N,), for rows x (N, length): 0, 1, ... in the order of first appearance.

    >>> numbered(np.array([[7, 1], [7, 2], [7, 1]]))
    array([0, 1, 0])
    """
    # Adding 0 makes -0.0 and 0.0 equal to the last bit.
    rows = np.ascontiguousarray(x + 0)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return np.asarray(order[inverse.reshape(-1)], dtype=np.int64)


def merged(x: NDArray[Any], y: NDArray[np.float64], w: NDArray[np.float64]) -> Merged | None:
    """The distinct designs of a table, (N, length), (N,) and (N,); None if no two rows have the same design.

    >>> merged(np.array([[1], [2], [1]]), np.array([3.0, 7.0, 5.0]), np.ones(3))[1:3]
    (array([4., 7.]), array([1.33333333, 0.66666667]))
    """
    number = numbered(x)
    counts = np.bincount(number)
    if len(counts) == len(x):
        return None
    _, first = np.unique(number, return_index=True)
    total = np.bincount(number, w)
    means, plain = np.bincount(number, w * y) / total, np.bincount(number, y) / counts
    deviations = ((y - plain[number]) ** 2).sum()
    pooled = float(np.sqrt(deviations / (len(x) - len(counts))))
    return Merged(x[first], means, total / total.mean(), Replicates(counts.astype(np.int64), pooled))
