"""The posterior of a process for given hyperparameters: exact, or of all rows through inducing points."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mbo_gp.fit import Rows
from mbo_gp.kernels import Hyper, Kernel, covariance
from mbo_gp.layout import Layout

JITTER = 1e-8
"""Added to the variance of inducing points, in units of the kernel's variance."""
BEST = 0.1
"""The share of the inducing points that are the rows with the best scores; the others are drawn at random."""
AT_ONCE = 4096
"""Rows whose covariances are held in memory together."""


class ProcessState(NamedTuple):
    """The fitted process.

    With k the covariances of a design and the rows x, the posterior has the mean `mean + k . weights` and the variance
    `s - |known k|^2 + |shared k|^2`.
    """

    x: Tensor
    """(m, d) features of the rows or inducing points"""
    weights: Tensor
    """(m,)"""
    known: Tensor
    """(m, m)"""
    shared: Tensor
    """(m, m) for inducing points, else (0, m)"""
    hyper: Hyper
    layout: Layout


def exact(kernel: Kernel, layout: Layout, hyper: Hyper, rows: Rows) -> ProcessState:
    """The posterior given the rows: `known` is the inverse of the factor of the covariance of their noisy scores."""
    noisy = covariance(kernel, hyper, layout, rows.x, rows.x) + torch.diag(hyper.noise / rows.w)
    known = _inverse(torch.linalg.cholesky(noisy))
    weights = known.mT @ (known @ (rows.y - hyper.mean))
    return ProcessState(rows.x, weights, known, known[:0], hyper, layout)


def induced(kernel: Kernel, layout: Layout, hyper: Hyper, rows: Rows, points: Tensor) -> ProcessState:
    """The posterior given all rows through inducing points (m, d), that of Titsias' collapsed bound (2009).

    With K = L L' the covariance of the points, k that of points and rows, and A = L^-1 k / std of the noise:
    known = L^-1,   shared = chol(1 + A A')^-1 L^-1,   weights = shared' shared k (y - mean) / noise.
    """
    one = torch.eye(len(points), dtype=points.dtype, device=points.device)
    own = covariance(kernel, hyper, layout, points, points) + JITTER * hyper.scales.sum() * one
    known = _inverse(torch.linalg.cholesky(own))
    gram, pull = one, torch.zeros_like(one[0])
    for x, y, w in zip(*(torch.split(part, AT_ONCE) for part in rows), strict=True):
        precise = (w / hyper.noise).sqrt()
        a = known @ covariance(kernel, hyper, layout, points, x) * precise
        gram, pull = gram + a @ a.mT, pull + a @ ((y - hyper.mean) * precise)
    inner = _inverse(torch.linalg.cholesky(gram))
    shared = inner @ known
    return ProcessState(points, shared.mT @ (inner @ pull), known, shared, hyper, layout)


def inducing(rows: Rows, order: Tensor, count: int) -> Tensor:
    """Inducing points (count, d): the best rows, and others in a random order (n,)."""
    best = torch.sort(rows.y, descending=True, stable=True).indices[: int(BEST * count)]
    others = order[~torch.isin(order, best)][: count - len(best)]
    return rows.x[torch.cat([best, others])]


def _inverse(factor: Tensor) -> Tensor:
    """The inverse of a lower triangular matrix."""
    one = torch.eye(len(factor), dtype=factor.dtype, device=factor.device)
    found: Tensor = torch.linalg.solve_triangular(factor, one, upper=False)
    return found
