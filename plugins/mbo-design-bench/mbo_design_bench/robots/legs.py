"""Morphologies: the numbers of a robot's four legs, their bounds, and rollouts of one body each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks import Verdict
from mbo_design_bench import guard
from mbo_design_bench.robots import engine

LEGS = 4
PLACE = ("x", "y", "z", "a", "b", "c")
"""The position and rotation of a leg on the body, by Euler angles about x, y, z."""
TURNS = ("hip_center", "hip_range", "thigh_center", "thigh_range", "ankle_center", "ankle_range")
HORIZON = 100
"""Steps of a rollout, as in Design-Bench."""

Vector: TypeAlias = NDArray[np.float64]
Controller: TypeAlias = Callable[[int, Vector], Vector]
"""The number of a step and the observation before it to the actions."""


@dataclass(frozen=True)
class Leg:
    """The numbers that a design gives for each leg.

    Attributes:
        names: their names.
        lower: their lower bounds.
        upper: their upper bounds.
    """

    names: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @property
    def length(self) -> int:
        """The numbers of a design."""
        return LEGS * len(self.names)

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each number of a design: `leg0_x` and so on."""
        return tuple(f"leg{leg}_{name}" for leg in range(LEGS) for name in self.names)

    def clipped(self, design: Vector) -> Vector:
        """A design (d,) within its bounds, as Design-Bench simulates it: (4, numbers of a leg)."""
        return np.clip(design.reshape(LEGS, -1), self.lower, self.upper)

    def scaled(self, legs: Vector) -> Vector:
        """Legs (4, numbers) as (d,) numbers from -1 to 1; -1 where the bounds are equal."""
        low, high = np.array(self.lower), np.array(self.upper)
        return np.ravel(2 * (legs - low) / np.maximum(high - low, 1e-5) - 1)


@dataclass(frozen=True)
class Walking:
    """One rollout for each body.

    Attributes:
        name: the task's, for errors.
        leg: a design's numbers for a leg.
        rollout: a body's legs (4, numbers) and a controller to the sum of rewards.
        controller: moves every body.
        lowest: the score of a body that cannot be simulated.
    """

    name: str
    leg: Leg
    rollout: Callable[[Vector, Controller], float]
    controller: Controller
    lowest: float

    def score(self, designs: Vector) -> Vector:
        """Sums of rewards (n,) of (n, d) designs; see `judge`."""
        return self.judge(designs).scores

    def judge(self, designs: Vector) -> Verdict:
        """The same with the reason for each design that got the lowest score.

        Raises:
            TaskError: for designs of another shape, or values that are not finite; without MuJoCo.
        """
        guard.reals(self.name, designs, self.leg.length)
        return engine.verdict(engine.parallel(partial(_outcome, self), list(designs)), self.lowest)


def _outcome(walking: Walking, design: Vector) -> float | engine.Fault:
    try:
        return engine.outcome(walking.rollout(walking.leg.clipped(design), walking.controller))
    except engine.Fault as fault:
        return fault


def numbers(*values: float) -> str:
    """Numbers as MJCF takes them, exactly.

    >>> numbers(0.1, -0.0, np.float64(1) / 3)
    '0.1 -0.0 0.3333333333333333'
    """
    return " ".join(repr(float(value)) for value in values)
