"""How well each row is predicted from all others, for a target and for many shuffled ones at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

WIDTHS = (0.5, 1.0, 2.0)
"""Lengthscales of the kernels of all columns, in roots of the number of coordinates that move."""

PENALTIES = tuple(10.0**power for power in (-3, -2, -1, 0, 1, 2))


class HeldOut(NamedTuple):
    """Predictions of each row of each target by the regression that was best for that target."""

    predicted: Values
    """(n, targets)"""
    error: Values
    """(targets,) the root mean squared error."""


def held_out(x: Values, targets: Values) -> HeldOut:
    """Leave-one-out predictions by kernel ridge regression, without fitting it again for each row.

    For each target the kernel (of all columns together with three widths, or one term a column) and the penalty are
    those of the least error. So they are for a shuffled target, too, and a comparison with shuffled targets counts what
    was won by that choice. The residual of a row left out is its residual over one less its leverage.

    Args:
        x: (n, d) designs.
        targets: (n, targets), in columns.
    """
    mean = targets.mean(0)
    best = HeldOut(np.empty_like(targets), np.full(targets.shape[1], np.inf))
    for kernel in _kernels(x):
        values, vectors = np.linalg.eigh(kernel)
        turned, squared = vectors.T @ (targets - mean), vectors**2
        for penalty in PENALTIES:
            share = values.clip(0) / (values.clip(0) + penalty)
            residual = (targets - mean - vectors @ (share[:, None] * turned)) / (1 - squared @ share)[:, None]
            error = np.sqrt((residual**2).mean(0))
            better = error < best.error
            best.predicted[:, better] = (targets - residual)[:, better]
            best.error[better] = error[better]
    return best


def _kernels(x: Values) -> Iterator[Values]:
    """The kernels, (n, n) each."""
    from scipy.spatial.distance import cdist

    moving = x[:, x.std(0) > 0]
    if moving.shape[1] == 0:
        return
    squared = cdist(moving, moving, "sqeuclidean")
    for width in WIDTHS:
        yield np.exp(-squared / (2 * width**2 * moving.shape[1]))
    total = np.zeros_like(squared)
    for one in moving.T:
        total += np.exp(-((one[:, None] - one) ** 2) / 2)
    yield total / moving.shape[1]


def left_out_neighbour(x: Values, y: Values) -> Values:
    """The score of each row's nearest other row, (n,): the mean of those that are equally near."""
    from scipy.spatial.distance import cdist

    far = cdist(x, x)
    np.fill_diagonal(far, np.inf)
    near = far <= far.min(1, keepdims=True) + 1e-9
    return np.asarray((near * y).sum(1) / near.sum(1))


def rank_correlation(a: Values, b: Values) -> Values:
    """Spearman's rank correlation of the columns of (n, k) with those of (n, k), (k,); 0 where one is constant."""
    from scipy.stats import rankdata

    first, second = (rankdata(one, axis=0) - (len(one) + 1) / 2 for one in (a, b))
    scale = np.sqrt((first**2).sum(0) * (second**2).sum(0))
    return np.asarray((first * second).sum(0) / np.where(scale > 0, scale, 1.0))


def best_found(predicted: Values, targets: Values, count: int) -> Values:
    """The share of the `count` best rows that are among the `count` best by prediction, for each column, (k,)."""
    chosen, best = (np.argsort(-one, axis=0, kind="stable")[:count] for one in (predicted, targets))
    return np.array([np.isin(mine, true).mean() for mine, true in zip(chosen.T, best.T, strict=True)])
