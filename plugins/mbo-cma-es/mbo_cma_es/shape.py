"""The two forms of a search law's covariance C: full, or its diagonal alone."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import torch
from torch import Tensor

Covariance: TypeAlias = Tensor
"""C in units of the squared step size: (d, d), or (d,) where only its diagonal is kept."""


class Shape(Protocol):
    """Operations on the covariance."""

    def start(self, d: int) -> Covariance:
        """The identity, float64."""

    def stretch(self, covariance: Covariance, z: Tensor) -> tuple[Tensor, Tensor]:
        """`C^(1/2) z` for z (..., d), by the symmetric root, and the condition of C, ()."""

    def learn(self, covariance: Covariance, decay: Tensor, weights: Tensor, steps: Tensor) -> Covariance:
        """`decay * C + sum_i weights_i steps_i steps_i^T`, with decay (), weights (n,) and steps (n, d)."""

    def variances(self, covariance: Covariance) -> Tensor:
        """The diagonal of C, (d,)."""


class Full:
    """All covariances: d^2 numbers a run and, for each decomposition, some 20 d^3 operations."""

    def start(self, d: int) -> Covariance:
        """(d, d)."""
        return torch.eye(d, dtype=torch.float64)

    def stretch(self, covariance: Covariance, z: Tensor) -> tuple[Tensor, Tensor]:
        """By eigenvectors, independent of their signs, which differ between processors."""
        squares, axes = torch.linalg.eigh(covariance)
        # Beyond a condition of 1e14, where runs stop, rounding may make the smallest negative.
        squares = squares.clamp(min=torch.finfo(squares.dtype).tiny)
        return ((z @ axes) * squares.sqrt()) @ axes.mT, squares[-1] / squares[0]

    def learn(self, covariance: Covariance, decay: Tensor, weights: Tensor, steps: Tensor) -> Covariance:
        """(d, d)."""
        # In one pass: with all runs stacked C exceeds the processor's cache, and a pass takes a tenth of the time of
        # the decomposition.
        return torch.addcmul((weights[:, None] * steps).mT @ steps, covariance, decay)

    def variances(self, covariance: Covariance) -> Tensor:
        """(d,)."""
        return covariance.diagonal()


class Separable:
    """The diagonal alone (Ros and Hansen, "A simple modification in CMA-ES", PPSN 2008): d numbers a run."""

    def start(self, d: int) -> Covariance:
        """(d,)."""
        return torch.ones(d, dtype=torch.float64)

    def stretch(self, covariance: Covariance, z: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinate by coordinate."""
        return z * covariance.sqrt(), covariance.amax() / covariance.amin()

    def learn(self, covariance: Covariance, decay: Tensor, weights: Tensor, steps: Tensor) -> Covariance:
        """(d,)."""
        return decay * covariance + weights @ steps**2

    def variances(self, covariance: Covariance) -> Tensor:
        """C itself."""
        return covariance
