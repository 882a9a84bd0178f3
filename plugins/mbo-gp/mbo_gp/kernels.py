"""Covariances of designs as functions of tensors: Matern 5/2 with a lengthscale a column, added or multiplied."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from mbo_gp.layout import Layout

Kernel: TypeAlias = Literal["product", "additive", "mixed"]
TINY = 1e-20
"""The smallest squared distance whose root is taken, as the derivative of the root at 0 is infinite."""


class Hyper(NamedTuple):
    """The hyperparameters."""

    mean: Tensor
    """()"""
    scales: Tensor
    """(terms,) the variance of each term of the kernel"""
    lengthscales: Tensor
    """(sets, columns) in the units of `Layout.features`"""
    noise: Tensor
    """() the variance of the noise of a row of weight 1"""


def sizes(kernel: Kernel, layout: Layout) -> tuple[int, int]:
    """The number of terms and of sets of lengthscales."""
    columns, levels = len(layout.category), int(layout.category.sum())
    if kernel == "additive":
        return columns, 1
    return (3, 2) if kernel == "mixed" and 0 < levels < columns else (1, 1)


def covariance(kernel: Kernel, hyper: Hyper, layout: Layout, a: Tensor, b: Tensor) -> Tensor:
    """The covariance (..., n, m) of features a (..., n, d) and b (..., m, d).

    With m(r) = (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r), and r_c the distance in column c by its lengthscale:

    * product: `s m(r)` with `r^2 = sum_c r_c^2`, the usual kernel with a lengthscale a column;
    * additive: `sum_c s_c m(r_c)`;
    * mixed: `s_1 m(r) + s_2 h + s_3 m'(r') h'` with r over the numbers, `h = exp(-mean_c d_c / l_c)` over the
      levels, and d_c 1 if they differ; the last term has lengthscales of its own (as botorch's `MixedSingleTaskGP`).
    """
    scales, lengths = hyper.scales, hyper.lengthscales
    if kernel == "product" or (kernel == "mixed" and not layout.category.any()):
        return scales[0] * matern(squares(a, b, 1 / lengths[0, layout.column]))
    if kernel == "additive":
        of = [layout.column == column for column in range(len(scales))]
        terms = [matern(squares(a[..., at], b[..., at], 1 / lengths[0, column])) for column, at in enumerate(of)]
        return torch.stack([scale * term for scale, term in zip(scales, terms, strict=True)]).sum(0)
    levels = [_levels(layout, one, a, b) for one in lengths]
    if len(scales) == 1:
        return scales[0] * levels[0]
    numbers = [_numbers(layout, one, a, b) for one in lengths]
    return scales[0] * numbers[0] + scales[1] * levels[0] + scales[2] * numbers[1] * levels[1]


def _numbers(layout: Layout, lengths: Tensor, a: Tensor, b: Tensor) -> Tensor:
    of = ~layout.category[layout.column]
    return matern(squares(a[..., of], b[..., of], 1 / lengths[layout.column[of]]))


def _levels(layout: Layout, lengths: Tensor, a: Tensor, b: Tensor) -> Tensor:
    of = layout.category[layout.column]
    count = layout.category.sum()
    return torch.exp(-squares(a[..., of], b[..., of], (count * lengths[layout.column[of]]).rsqrt()))


def squares(a: Tensor, b: Tensor, factor: Tensor) -> Tensor:
    """The squared distances (..., n, m) of a (..., n, d) and b (..., m, d), each coordinate times its factor (d,)."""
    a, b = a * factor, b * factor
    norms = a.square().sum(-1)[..., None] + b.square().sum(-1)[..., None, :]
    return (norms - 2 * a @ b.mT).clamp_min(0)


def matern(squared: Tensor) -> Tensor:
    """Matern's kernel with nu = 5/2 of squared distances."""
    root = (5 * squared.clamp_min(TINY)).sqrt()
    return (1 + root + root.square() / 3) * torch.exp(-root)
