"""Kernel ridge regression: the posterior of a Gaussian process, in float64.

A row of weight w has the noise `ridge / w`. With `S = diag(sqrt w)` the matrix that is factorised is
`A = S K S + ridge I`, so that a row of weight 0 has no effect, and none is divided by.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mbo_kernel.kernels import Kernel
from mbo_kernel.rows import Rows

LENGTHSCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
RIDGES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""The multiples of the options among which the likelihood chooses."""


SMALLEST = 1e-12
"""Guards the logarithm of the amplitude of scores that are all 0."""


class Fit(NamedTuple):
    """A kernel ridge regression."""

    lengthscale: Tensor
    """() in units of sqrt(d)"""
    ridge: Tensor
    """() noise variance, in units of the amplitude"""
    coefficients: Tensor
    """(m,) c of the mean `sum_i c_i k(x, x_i)`"""
    factor: Tensor
    """(m, m) lower triangular: A = factor factor^T"""
    likelihood: Tensor
    """() the logarithm of the marginal likelihood"""
    amplitude: Tensor
    """() what the kernel and the noise are multiplied by; it does not change the mean"""


def fit(kernel: Kernel, rows: Rows, lengthscale: Tensor | float, ridge: Tensor | float) -> Fit:
    """Fit the rows.

    Args:
        kernel: the kernel.
        rows: what is fitted.
        lengthscale: in units of sqrt(d).
        ridge: the noise variance of a row of weight 1, in units of the mean of the kernel's diagonal.
    """
    return _solved(rows, _matrix(kernel, rows, lengthscale), lengthscale, ridge)


def tuned(kernel: Kernel, rows: Rows, lengthscale: float, ridge: float) -> Fit:
    """The fit with the highest marginal likelihood among multiples of lengthscale and ridge, at the best amplitude."""
    tried, found = [], []
    for size in [lengthscale * times for times in (LENGTHSCALES if kernel.name == "rbf" else (1.0,))]:
        matrix = _matrix(kernel, rows, size)
        for noise in [ridge * times for times in RIDGES]:
            tried.append((size, noise))
            found.append(_amplified(rows, _solved(rows, matrix, size, noise)).likelihood)
    sizes, noises = (
        torch.tensor(column, dtype=rows.y.dtype, device=rows.y.device) for column in zip(*tried, strict=True)
    )
    # In a matrix that is too nearly singular to be factorised the likelihood is NaN.
    best = torch.stack(found).nan_to_num(nan=-math.inf).argmax().reshape(1)
    return _amplified(rows, fit(kernel, rows, sizes[best].squeeze(0), noises[best].squeeze(0)))


def _amplified(rows: Rows, found: Fit) -> Fit:
    """The fit with the amplitude of the highest likelihood, `y^T c / m`, which leaves the mean as it is."""
    count, size = (rows.w > 0).sum(), rows.y @ found.coefficients
    amplitude = (size / count).clamp(min=SMALLEST)
    likelihood = found.likelihood + (size - count * (1 + amplitude.log())) / 2
    return found._replace(likelihood=likelihood, amplitude=amplitude)


def _matrix(kernel: Kernel, rows: Rows, lengthscale: Tensor | float) -> Tensor:
    return kernel.between(rows.x, rows.x, lengthscale)


def _solved(rows: Rows, matrix: Tensor, lengthscale: Tensor | float, ridge: Tensor | float) -> Fit:
    noise = ridge * matrix.diagonal().mean()
    root = rows.w.sqrt()
    whole = root[:, None] * matrix * root + noise * torch.eye(len(root), dtype=root.dtype, device=root.device)
    factor = torch.linalg.cholesky(whole)
    weighted = torch.cholesky_solve((root * rows.y)[:, None], factor)[:, 0]
    coefficients = root * weighted
    there = rows.w > 0
    # The likelihood leaves out rows of weight 0, which have only the noise on their diagonal.
    volume = factor.diagonal().log() - torch.where(there, rows.w, noise).log() / 2
    likelihood = -(rows.y @ coefficients) / 2 - volume.sum() - there.sum() * math.log(2 * math.pi) / 2
    size = torch.as_tensor(lengthscale, dtype=root.dtype)
    return Fit(size, noise, coefficients, factor, likelihood, torch.ones_like(noise))


def variance(fitted: Fit, rows: Rows, between: Tensor, own: Tensor) -> Tensor:
    """The posterior variance of n designs without noise, (n,); rounding may make it negative.

    Args:
        fitted: the fit.
        rows: what was fitted.
        between: (n, m) the kernel of the designs with the rows.
        own: (n,) the kernel of each design with itself.
    """
    scaled = (between * rows.w.sqrt()).T
    known: Tensor = torch.linalg.solve_triangular(fitted.factor, scaled, upper=False).square().sum(0)
    return fitted.amplitude * (own - known)
