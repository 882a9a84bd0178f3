"""The two forms of a search law's covariance C: full, or its diagonal alone."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import torch
from torch import Tensor

Covariance: TypeAlias = Tensor
"""C in units of the squared step size: (d, d), or (d,) where only its diagonal is kept."""


class Shape(Protocol):
    """What a search does with its covariance."""

    def start(self, d: int) -> Covariance:
        """The identity, float64."""

    def roots(self, covariance: Covariance) -> tuple[Tensor, Tensor]:
        """The symmetric root of C, of C's shape, and the lengths of its axes (d,), the smallest first."""

    def stretch(self, root: Tensor, z: Tensor) -> Tensor:
        """Standard normal samples z (..., d) to samples of N(0, C)."""

    def learn(self, covariance: Covariance, decay: Tensor, weights: Tensor, steps: Tensor) -> Covariance:
        """`decay * C + sum_i weights_i steps_i steps_i^T`, with weights (n,) and steps (n, d)."""

    def variances(self, covariance: Covariance) -> Tensor:
        """The diagonal of C, (d,)."""


class Full:
    """All covariances: d^2 numbers a run and, for each decomposition, some 20 d^3 operations."""

    def start(self, d: int) -> Covariance:
        """(d, d)."""
        return torch.eye(d, dtype=torch.float64)

    def roots(self, covariance: Covariance) -> tuple[Tensor, Tensor]:
        """By eigenvectors, but free of their signs, which rounding may flip."""
        squares, axes = torch.linalg.eigh(covariance)
        # Rounding may take the smallest below 0 where the condition is beyond 1e14, at which the search stops.
        lengths = squares.clamp(min=0).sqrt()
        return (axes * lengths) @ axes.mT, lengths

    def stretch(self, root: Tensor, z: Tensor) -> Tensor:
        """`C^(1/2) z`."""
        return z @ root

    def learn(self, covariance: Covariance, decay: Tensor, weights: Tensor, steps: Tensor) -> Covariance:
        """(d, d)."""
        return decay * covariance + (weights[:, None] * steps).mT @ steps

    def variances(self, covariance: Covariance) -> Tensor:
        """(d,)."""
        return covariance.diagonal()


class Separable:
    """The diagonal alone (Ros and Hansen, "A simple modification in CMA-ES", PPSN 2008): d numbers a run."""

    def start(self, d: int) -> Covariance:
        """(d,)."""
        return torch.ones(d, dtype=torch.float64)

    def roots(self, covariance: Covariance) -> tuple[Tensor, Tensor]:
        """Standard deviations, and the same in order."""
        root = covariance.sqrt()
        return root, root.sort().values

    def stretch(self, root: Tensor, z: Tensor) -> Tensor:
        """Coordinate by coordinate."""
        return z * root

    def learn(self, covariance: Covariance, decay: Tensor, weights: Tensor, steps: Tensor) -> Covariance:
        """(d,)."""
        return decay * covariance + weights @ steps**2

    def variances(self, covariance: Covariance) -> Tensor:
        """C itself."""
        return covariance
