"""Hopper: the weights of a controller, and how far the robot hops with it.

The rules are those of Gym's Hopper-v2, which Design-Bench calls, and of its successor Hopper-v4 in gymnasium: each
step pays the forward speed, plus 1 (also the step in which it falls; v5 differs there), minus 0.001 times the squared
torques as the policy asks for them, before they are clipped. A fall, or 1,000 steps, end it. The policy is
deterministic and sees raw observations. Facts: gymnasium 1.4.0 (MIT), `hopper_v4.py` and `hopper.xml`;
design-bench 2.0.20 (MIT), `hopper_controller_oracle.py`.

One thing differs: Gym draws the start at random, so that the original score of a design is noisy. Here every rollout
starts alike, from one such draw, which is a part of the task.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks import Verdict
from mbo_design_bench import guard
from mbo_design_bench.robots import engine

Vector: TypeAlias = NDArray[np.float64]

SHAPES = ((11, 64), (64,), (64, 64), (64,), (64, 3), (3,))
"""Weights and biases of the layers in their order in a design."""
UNUSED = 3
"""A design ends with the logarithms of standard deviations, which a deterministic policy does not use."""
LENGTH = sum(int(np.prod(shape)) for shape in SHAPES) + UNUSED

HORIZON = 1000
SUBSTEPS = 4
SECONDS = 0.008
"""The length of a step: `SUBSTEPS` of 0.002 s."""
START_SEED = 0
START_NOISE = 5e-3
LOWEST = -1000.0
"""The score of a design that cannot be simulated, far below all rows of both data sets; an immediate fall scores 10."""

GROUP = 16
"""Rollouts per thread at once: their weights, 41 kB each, fit in the cache."""

# The odd last digits are gymnasium's: with rounded ones the same controller diverges after a second.
# One robot is one island: skipping the search for islands saves a tenth of the time and changes no bit.
XML = """
<mujoco model="hopper">
  <compiler angle="degree" inertiafromgeom="true"/>
  <option integrator="RK4" timestep="0.002"><flag island="disable"/></option>
  <default>
    <joint armature="1" damping="1" limited="true"/>
    <geom contype="1" conaffinity="1" condim="1" margin="0.001" solref=".02 1" solimp=".8 .8 .01" friction="0.9"/>
    <motor gear="200" ctrllimited="true" ctrlrange="-1 1"/>
    <default class="root"><joint armature="0" damping="0" limited="false" stiffness="0"/></default>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="20 20 .125" condim="3" friction="1"/>
    <body name="torso" pos="0 0 1.25">
      <joint class="root" name="rootx" type="slide" axis="1 0 0" pos="0 0 -1.25"/>
      <joint class="root" name="rootz" type="slide" axis="0 0 1" pos="0 0 -1.25" ref="1.25"/>
      <joint class="root" name="rooty" type="hinge" axis="0 1 0"/>
      <geom type="capsule" size="0.05 0.19999999999999996"/>
      <body name="thigh" pos="0 0 -0.19999999999999996">
        <joint name="thigh_joint" axis="0 -1 0" range="-150 0"/>
        <geom type="capsule" pos="0 0 -0.22500000000000009" size="0.05 0.22500000000000003"/>
        <body name="leg" pos="0 0 -0.70000000000000007">
          <joint name="leg_joint" axis="0 -1 0" pos="0 0 0.25" range="-150 0"/>
          <geom type="capsule" size="0.04 0.25"/>
          <body name="foot" pos="0.13 0 -0.35">
            <joint name="foot_joint" axis="0 -1 0" pos="-0.13 0 0.1" range="-45 45"/>
            <geom type="capsule" pos="-0.065 0 0.1" size="0.06 0.195" friction="2"
              quat="0.70710678118654757 0 -0.70710678118654746 0"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="thigh_joint"/>
    <motor joint="leg_joint"/>
    <motor joint="foot_joint"/>
  </actuator>
</mujoco>
"""


@dataclass(frozen=True)
class Hopping:
    """One rollout for each controller.

    Attributes:
        name: the task's, for errors.
    """

    name: str

    def score(self, designs: Vector) -> Vector:
        """Sums of rewards (n,) of (n, 5126) weights; see `judge`."""
        return self.judge(designs).scores

    def judge(self, designs: Vector) -> Verdict:
        """The same with the reason for each design that got the lowest score.

        Raises:
            TaskError: for designs of another shape, or values that are not finite; without MuJoCo.
        """
        guard.reals(self.name, designs, LENGTH)
        groups = [designs[i : i + GROUP] for i in range(0, len(designs), GROUP)]
        return engine.verdict([one for group in engine.parallel(rollouts, groups) for one in group], LOWEST)


@dataclass
class Policies:
    """Controllers side by side: tanh layers, the last one linear."""

    layers: list[Vector]

    @classmethod
    def of(cls, designs: Vector) -> Policies:
        """Read (n, 5126) weights."""
        ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])
        parts = np.split(designs, ends, axis=1)[: len(SHAPES)]
        return cls([part.reshape(-1, *shape).copy() for part, shape in zip(parts, SHAPES, strict=True)])

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Keep only some."""
        self.layers = [layer[rows] for layer in self.layers]

    def torques(self, seen: Vector) -> Vector:
        """Actions (n, 3) for observations (n, 11), each row independent to the last bit."""
        for i in range(0, len(SHAPES), 2):
            seen = (seen[:, None, :] @ self.layers[i])[:, 0, :] + self.layers[i + 1]
            seen = np.tanh(seen) if i < len(SHAPES) - 2 else seen
        return seen


def rollouts(designs: Vector) -> list[float | engine.Fault]:
    """The sum of rewards of each of (n, 5126) controllers, or its fault."""
    bodies, policies, rows = _start(len(designs)), Policies.of(designs), np.arange(len(designs))
    returns, torques, state = np.zeros(len(designs)), bodies.bind("ctrl"), _state(bodies, rows)
    with np.errstate(over="ignore", invalid="ignore"):  # a fault reports non-finite values
        for _ in range(HORIZON):
            torques[rows] = wanted = policies.torques(observations(state))
            bodies.step(rows, SUBSTEPS)
            before, state = state[:, 0], _state(bodies, rows)
            returns[rows] += (state[:, 0] - before) / SECONDS + 1.0 - 1e-3 * np.square(wanted).sum(axis=1)
            up = healthy(state)
            if not up.all():
                policies.keep(up)
                rows, state = rows[up], state[up]
            if not len(rows):
                break
    return [_outcome(bodies, i, total) for i, total in enumerate(returns.tolist())]


def observations(state: Vector) -> Vector:
    """Observations (n, 11) of (n, 12) positions and velocities: without the distance, with clipped speeds."""
    return np.concatenate([state[:, 1:6], np.clip(state[:, 6:], -10, 10)], axis=1)


def healthy(state: Vector) -> NDArray[np.bool_]:
    """Which of (n, 12) positions and velocities are of a standing hopper, (n,)."""
    sane = (np.abs(state[:, 2:]) < 100).all(axis=1)
    return np.asarray(sane & (state[:, 1] > 0.7) & (np.abs(state[:, 2]) < 0.2))


def start() -> Vector:
    """The positions and velocities (12,) from which every rollout starts: upright, each a little off."""
    noise = np.random.Generator(np.random.PCG64(START_SEED)).random(12)
    return np.asarray([0, 1.25, *[0.0] * 10] + START_NOISE * (2 * noise - 1))


@cache
def _model() -> Any:
    return engine.compiled(XML)


def _start(count: int) -> Any:
    """Bodies at the start, stepped by one call without the GIL, each independent to the last bit."""
    bodies = engine.batch(_model(), count)
    bodies.qpos, bodies.qvel = np.split(start(), 2)
    bodies.forward()
    return bodies


def _state(bodies: Any, rows: NDArray[np.intp]) -> Vector:
    return np.concatenate([bodies.bind("qpos")[rows], bodies.bind("qvel")[rows]], axis=1)


def _outcome(bodies: Any, i: int, total: float) -> float | engine.Fault:
    try:
        engine.check(bodies.warning[i, :, 1], bodies.time[i])
    except engine.Fault as fault:
        return fault
    return engine.outcome(total)
