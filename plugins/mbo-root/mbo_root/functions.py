"""Functions that agree with the data, and pairs of designs: in each function a low one and a high one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from mbo_kernel.kernels import Kernel
from mbo_kernel.ridge import fit, tuned
from mbo_kernel.rows import Rows, fitted_rows, scale_of
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import Data, Key

KERNEL = Kernel("rbf")


class Process(NamedTuple):
    """A Gaussian process with a Gaussian kernel and the mean 0, and the rows that it is fitted to."""

    rows: Rows
    scale: Tensor
    """(d,) what the coordinates of a design are multiplied by"""
    lengthscale: Tensor
    """() in units of sqrt(d)"""
    variance: Tensor
    """() of the functions"""
    noise: Tensor
    """() variance of a row of weight 1"""


class Function(NamedTuple):
    """A posterior mean, `g(x) = sum_i c_i exp(-|scale x - x_i|^2 / (2 l^2))`."""

    points: Tensor
    """(m, d) scaled designs x_i"""
    coefficients: Tensor
    """(m,)"""
    lengthscale: Tensor
    """() l, in encoded coordinates"""
    scale: Tensor
    """(d,)"""

    def value(self, x: Tensor) -> Tensor:
        """The scores (n,) of designs x (n, d)."""
        return self._terms(x * self.scale).sum(1)

    def slope(self, x: Tensor) -> Tensor:
        """The gradient (n, d) at designs x (n, d)."""
        scaled = x * self.scale
        terms = self._terms(scaled)
        return self.scale * (terms @ self.points - terms.sum(1, keepdim=True) * scaled) / self.lengthscale**2

    def _terms(self, scaled: Tensor) -> Tensor:
        squares = scaled.square().sum(1, keepdim=True) + self.points.square().sum(1) - 2 * scaled @ self.points.T
        return self.coefficients * torch.exp(squares.clamp_(min=0) / (-2 * self.lengthscale**2))


class Pairs(NamedTuple):
    """Designs of low and of high score, each pair under one function."""

    low: Tensor
    """(p, d)"""
    high: Tensor
    """(p, d)"""
    y_low: Tensor
    """(p,)"""
    y_high: Tensor
    """(p,)"""


def process(key: Key, data: Data, rows: int, lengthscale: float, variance: float, noise: float) -> Process:
    """A process with the given hyperparameters, on at most so many rows.

    Args:
        key: for the rows.
        data: the visible data.
        rows: their largest number; of more a tenth are the best, and the others random.
        lengthscale: in encoded coordinates.
        variance: of the functions.
        noise: variance of a row.
    """
    chosen = fitted_rows(key, data, rows)
    numbers = (lengthscale / math.sqrt(data.x.shape[1]), variance, noise)
    return Process(chosen, scale_of(data.space), *chosen.y.new_tensor(numbers).unbind())


def likeliest(start: Process) -> Process:
    """The process of the highest marginal likelihood, with a lengthscale of 1/4 to 4 times the root of d."""
    found = tuned(KERNEL, start.rows, 1.0, 0.01)
    return start._replace(lengthscale=found.lengthscale, variance=found.amplitude, noise=found.ridge * found.amplitude)


def draw(key: Key, start: Process, spread: float, dtype: torch.dtype = torch.float32) -> Function:
    """The posterior mean for a lengthscale and a variance drawn around those of the process.

    Args:
        key: for the two.
        start: the process.
        spread: both are multiplied by 1 + U(-spread, spread).
        dtype: of the function.
    """
    lengthscale, variance = 1 + spread * (2 * keys.uniform(key, (2,)).double() - 1)
    size = start.lengthscale * lengthscale
    found = fit(KERNEL, start.rows, size, start.noise / (start.variance * variance))
    width = size * math.sqrt(start.rows.x.shape[1])
    parts = (start.rows.x, found.coefficients, width, start.scale)
    return Function(*(part.to(dtype) for part in parts))


def climbed(
    slope: Callable[[Tensor], Tensor], x: Tensor, step_size: float, steps: int, project: Callable[[Tensor], Tensor]
) -> Tensor:
    """Designs (n, d) after plain gradient steps, each of which ends inside the space; down for a negative step."""
    for _ in range(steps):
        x = project(x + step_size * slope(x))
    return x


def pairs_of(
    function: Function, x: Tensor, step_size: float, steps: int, least: float, project: Callable[[Tensor], Tensor]
) -> Pairs:
    """From each design x (n, d) one step sequence down and one up; kept if the score rises by more than `least`."""
    low, high = (climbed(function.slope, x, size, steps, project) for size in (-step_size, step_size))
    y_low, y_high = function.value(low), function.value(high)
    kept = y_high - y_low > least
    return Pairs(low[kept], high[kept], y_low[kept], y_high[kept])


def joined(parts: list[Pairs]) -> Pairs:
    """The pairs of several functions."""
    return Pairs(*(torch.cat(column) for column in zip(*parts, strict=True)))
