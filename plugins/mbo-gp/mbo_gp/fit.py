"""Hyperparameters by marginal likelihood, with the priors of botorch."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import LogNormal, Uniform

from mbo_gp.kernels import Hyper, Kernel, covariance, sizes
from mbo_gp.layout import Layout

NoisePrior: TypeAlias = Literal["little", "flat"]
NOISE = (1e-4, 10.0)
"""The bounds of a learned noise variance; scores have a variance of 1."""
LITTLE = LogNormal(-4.0, 1.0)
"""Botorch's prior of the noise; its mode is where the search for the noise starts."""
SCALE = (1e-3, 1e3)
LENGTHSCALE = (0.025, 1e3)


class Rows(NamedTuple):
    """What a process is fitted to."""

    x: Tensor
    """(n, d) features, float64"""
    y: Tensor
    """(n,) float64"""
    w: Tensor
    """(n,) weights: the noise of a row is divided by its weight"""


class Priors(NamedTuple):
    """The priors of a kernel's hyperparameters."""

    scale: LogNormal
    lengthscale: LogNormal
    noise: LogNormal | Uniform

    def log_density(self, hyper: Hyper) -> Tensor:
        """The sum over all hyperparameters, ()."""
        parts = zip(self, (hyper.scales, hyper.lengthscales, hyper.noise), strict=True)
        return torch.stack([prior.log_prob(value).sum() for prior, value in parts]).sum()  # type: ignore[no-untyped-call]


def priors(kernel: Kernel, layout: Layout, noise: NoisePrior = "little") -> Priors:
    """Botorch's, whose lengthscales grow with the number of columns (Hvarfner et al. 2024); terms share the variance.

    Botorch has no scale: here its prior has the median 1, shared among the terms. A term of one column has the prior of
    one column. Its prior of the noise expects little; a flat one leaves the noise to the likelihood.
    """
    columns = 1 if kernel == "additive" else len(layout.category)
    terms, _ = sizes(kernel, layout)
    lengthscale = LogNormal(math.sqrt(2) + math.log(columns) / 2, math.sqrt(3))
    of_noise = LITTLE if noise == "little" else Uniform(0.0, 2 * NOISE[1])
    return Priors(LogNormal(-math.log(terms), 1.0), lengthscale, of_noise)


def log_likelihood(kernel: Kernel, hyper: Hyper, layout: Layout, rows: Rows) -> Tensor:
    """The logarithm of the density of the scores, ()."""
    noisy = covariance(kernel, hyper, layout, rows.x, rows.x) + torch.diag(hyper.noise / rows.w)
    found: Tensor = _LogDensity.apply(rows.y - hyper.mean, noisy)  # type: ignore[no-untyped-call]
    return found


class _LogDensity(torch.autograd.Function):
    """The log density () of residuals (n,) under a normal of covariance (n, n), with the gradient in closed form.

    Autograd through the factorisation takes four times as long.
    """

    @staticmethod
    def forward(ctx: Any, residual: Tensor, noisy: Tensor) -> Tensor:
        factor = torch.linalg.cholesky(noisy)
        inverse = torch.cholesky_inverse(factor)
        pull = inverse @ residual
        ctx.save_for_backward(pull, inverse)
        found: Tensor = residual @ pull / 2 + factor.diagonal().log().sum() + len(pull) * math.log(2 * math.pi) / 2
        return -found

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor]:
        pull, inverse = ctx.saved_tensors
        return -slopes[0] * pull, slopes[0] * (torch.outer(pull, pull) - inverse) / 2


def most_likely(
    kernel: Kernel, layout: Layout, rows: Rows, noise: float | None, expected: NoisePrior, iterations: int
) -> tuple[Hyper, Tensor]:
    """The hyperparameters of largest likelihood times priors, by L-BFGS-B from the priors' modes; and the likelihood.

    Args:
        kernel: the kind of kernel.
        layout: of the designs.
        rows: what to fit.
        noise: its variance if known.
        expected: the prior of the noise.
        iterations: the most.
    """
    from scipy.optimize import minimize

    terms, sets = sizes(kernel, layout)
    shape, prior = (sets, len(layout.category)), priors(kernel, layout, expected)

    def hyper(vector: Tensor) -> Hyper:
        mean, scales, lengths, own = torch.split(vector, [1, terms, math.prod(shape), 1])
        return Hyper(mean[0], scales.exp(), lengths.exp().reshape(shape), own[0].exp())

    def loss(values: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        vector = torch.tensor(values, device=rows.y.device, requires_grad=True)
        found = hyper(vector)
        total = -(log_likelihood(kernel, found, layout, rows) + prior.log_density(found)) / len(rows.y)
        slope: NDArray[Any] = torch.autograd.grad(total, vector)[0].cpu().numpy()
        return float(total.detach()), slope

    fixed = NOISE if noise is None else (noise, noise)
    limits = np.log([*[SCALE] * terms, *[LENGTHSCALE] * math.prod(shape), fixed])
    length, level = float(prior.lengthscale.mode), noise or float(LITTLE.mode)
    start = np.log([*[1 / terms] * terms, *[length] * math.prod(shape), level]).clip(*limits.T)
    bounds, most = [(None, None), *limits], {"maxiter": iterations}
    found = minimize(loss, [0.0, *start], jac=True, method="L-BFGS-B", bounds=bounds, options=most)
    with torch.no_grad():
        best = hyper(torch.tensor(found.x, device=rows.y.device))
        return best, log_likelihood(kernel, best, layout, rows)
