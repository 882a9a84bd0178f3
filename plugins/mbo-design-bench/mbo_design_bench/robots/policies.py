"""Controllers of morphologies: the trained ones of Design-Bench, and a fixed gait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_design_bench.robots import pickled
from mbo_design_bench.robots.legs import Vector

LAYERS = (0, 2, 4)
"""The linear layers of the network, by number in the file, with ReLUs between them."""
PARTS = ("weight", "bias")


@dataclass(frozen=True)
class Trained:
    """A trained controller: tanh of the mean of its last layer, which has means, then standard deviations.

    Attributes:
        weights: three matrices (out, in).
        biases: three vectors (out,).
    """

    weights: tuple[NDArray[Any], ...]
    biases: tuple[NDArray[Any], ...]

    def __call__(self, step: int, observation: Vector) -> Vector:
        """Actions from -1 to 1."""
        seen = observation
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            # Not `@`, whose last bit may depend on the number of threads at this size.
            seen = np.einsum("ij,j->i", weight, seen) + bias
            seen = np.maximum(seen, 0.0) if i < len(LAYERS) - 1 else seen
        return np.asarray(np.tanh(seen[: len(seen) // 2]), dtype=np.float64)


def read(path: Path, observed: int, joints: int, hint: str) -> Trained:
    """The controller in a file of Design-Bench, for observations (observed,) and actions (joints,).

    Raises:
        TaskError: for other content.
    """
    found = pickled.read(path, hint)
    if not isinstance(found, Mapping):
        raise TaskError(f"{path} contains a {type(found).__name__}, not the layers of a controller", hint)
    weights, biases = (tuple(found.get(f"base_network.network.{i}.{part}", None) for i in LAYERS) for part in PARTS)
    if not all(isinstance(array, np.ndarray) for array in [*weights, *biases]):
        raise TaskError(f"{path} lacks a layer of the controller; found {', '.join(map(str, found))}", hint)
    trained = Trained(weights, biases)
    fault = _fault(trained, observed, joints)
    if fault is not None:
        raise TaskError(f"{path}: {fault}", hint)
    return trained


def _fault(trained: Trained, observed: int, joints: int) -> str | None:
    """Why a controller does not map observations (observed,) to actions (joints,), or None."""
    widths = [observed, *(bias.size for bias in trained.biases)]
    wanted = list(zip(widths[1:], widths, strict=False))
    shapes = [weight.shape for weight in trained.weights]
    if shapes != wanted or widths[-1] != 2 * joints:
        return f"the layers have shapes {shapes}, which do not map {observed} numbers to {2 * joints}"
    if any(bias.ndim != 1 for bias in trained.biases):
        return "a bias is not a vector"
    if not all(np.isfinite(array).all() for array in [*trained.weights, *trained.biases]):
        return "a weight is not finite"
    return None


@dataclass(frozen=True)
class Gait:
    """A fixed open-loop gait: each joint follows a sine, the legs one after the other.

    Attributes:
        seconds: the length of a step.
        hertz: strides per second.
        amplitudes: torques of hip, thigh and ankle, as fractions of the largest.
        joints: the phases of hip, thigh and ankle, in strides.
        legs: the phase of each leg, in strides.
    """

    seconds: float
    hertz: float
    amplitudes: tuple[float, ...]
    joints: tuple[float, ...]
    legs: tuple[float, ...]

    def __call__(self, step: int, observation: Vector) -> Vector:
        """Torques (12,) from -1 to 1."""
        phases = np.add.outer(self.legs, self.joints) + self.hertz * self.seconds * step
        return np.ravel(np.array(self.amplitudes) * np.sin(2 * np.pi * phases))
