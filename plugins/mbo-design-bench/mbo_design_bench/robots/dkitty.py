"""D'Kitty: the bodies of a four-legged robot, and how straight and far a fixed controller walks with each.

Facts: morphing-agents 1.5.1 (MIT), `mujoco/dkitty`; robel 0.1.2 (Apache-2.0), its scene, robot, tracker and rewards;
design-bench 2.0.20 (MIT), `dkitty_morphology_oracle.py`. A rollout has 100 steps of 0.1 s, starts in the same place,
and ends with the step in which the body tilts too far.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_design_bench.robots import engine
from mbo_design_bench.robots.dkitty_body import xml
from mbo_design_bench.robots.legs import HORIZON, LEGS, PLACE, TURNS, Controller, Leg, Vector

PI = np.pi
LEG = Leg(
    names=(*PLACE, *TURNS, "thigh_size", "ankle_size"),
    lower=(-0.09, -0.122, 0, -PI, -PI, -PI, -PI, PI / 35, -PI, PI / 35, -PI, PI / 35, 0.0965, 0.0945),
    upper=(0.09, 0.122, 0, PI, PI, PI, PI, PI / 4, PI, PI / 4, PI, PI / 2, 0.1365, 0.1345),
)
"""Place in metres, angles in radians; a joint turns from `center - range` to `center + range`."""

DEFAULT = np.array(
    [
        [x * 0.09, y * 0.122, 0, 0, x * -3.14, 0, x * -0.1105, 0.3895, PI / 4, PI / 4, -1, 1, 0.0965, 0.0945]
        for x, y in ((1, 1), (-1, 1), (-1, -1), (1, -1))
    ]
)
"""Front right, front left, back left, back right."""

JOINTS = 3 * LEGS
OBSERVED = 6 + JOINTS + 6 + JOINTS + JOINTS + 4 + LEG.length
SUBSTEPS = 40
SECONDS = 0.1
FASTEST = PI
"""Radians per second by which a command may move a joint."""
TARGET = np.array([0.0, 2.0])
UPRIGHT = 0.9
"""The cosine of the tilt that ends a rollout."""


def rollout(legs: Vector, controller: Controller) -> float:
    """The sum of rewards of a body with legs (4, 14): upright, near the target, and facing it.

    Raises:
        Fault: if the body does not compile, or its simulation diverges.
    """
    mujoco = engine.library()
    model = engine.compiled(xml(legs))
    data = mujoco.MjData(model)
    limits = ranges(legs)
    data.qpos[6:] = np.clip(0.0, *limits.T)
    mujoco.mj_forward(model, data)
    total, action, shape = 0.0, np.zeros(JOINTS), LEG.scaled(legs)
    for step in range(HORIZON):
        action = np.clip(controller(step, observation(data, action, shape)), -1.0, 1.0)
        data.ctrl[:] = command(action, data.qpos[6:], limits)
        mujoco.mj_step(model, data, SUBSTEPS)
        earned, fell = reward(data.qpos)
        total += earned
        if fell or not np.isfinite(total):
            break
    engine.check(data.warning.number, data.time)
    return float(total)


def ranges(legs: Vector) -> NDArray[np.float32]:
    """The range of each joint's command, (12, 2), in the original's float32."""
    centers, widths = legs[:, 6:12:2], legs[:, 7:12:2]
    return np.stack([centers - widths, centers + widths], axis=-1).reshape(JOINTS, 2).astype(np.float32)


def command(action: Vector, place: Vector, limits: NDArray[np.float32]) -> Vector:
    """Actions (12,) from -1 to 1 as target positions, limited by the joints' speed."""
    wanted = limits.mean(axis=1) + action * (np.float32(0.5) * (limits[:, 1] - limits[:, 0]))
    speed = (np.clip(wanted, *limits.T) - place) / SECONDS
    return np.asarray(place + np.clip(speed, -FASTEST, FASTEST) * SECONDS)


def reward(qpos: Vector) -> tuple[float, bool]:
    """The reward of a step, and whether the body fell."""
    upright, heading, distance = posture(qpos)
    near, facing, fell = distance < 0.5, heading > 0.9, upright < UPRIGHT
    earned = (upright - UPRIGHT) / (1 - UPRIGHT) - 500.0 * fell - 4.0 * distance + 2.0 * (heading - 0.9) / 0.1
    return float(earned + 5.0 * (int(near) + int(facing)) + 10.0 * (near and facing)), bool(fell)


def posture(qpos: Vector) -> tuple[float, float, float]:
    """The cosine of the tilt, the cosine of the angle between the body's y axis and the target, and the distance."""
    rx, ry, rz = qpos[3:6]
    ahead = np.array([-np.cos(ry) * np.sin(rz), np.cos(rx) * np.cos(rz) - np.sin(rx) * np.sin(ry) * np.sin(rz)])
    way = TARGET - qpos[:2]
    lengths = np.linalg.norm(ahead) * np.linalg.norm(way)
    return float(np.cos(rx) * np.cos(ry)), float(ahead @ way / (lengths or 1.0)), float(np.linalg.norm(way))


def observation(data: Any, action: Vector, shape: Vector) -> Vector:
    """What the trained controller sees, (108,): torso, joints, their speeds, the last action, the goal, the body."""
    place, speed = data.qpos, data.qvel
    upright, heading, _ = posture(place)
    goal = [upright, heading, *(TARGET - place[:2])]
    return np.concatenate([place[:3], euler(place[3:6]), place[6:], speed, action, goal, shape])


def euler(turned: Vector) -> Vector:
    """The same rotation about x, y, z in canonical form, the middle angle within a right angle.

    >>> euler(np.array([0.5, 3.0, 0.2])).round(4).tolist()
    [-2.6416, 0.1416, -2.9416]
    """
    (sx, sy, sz), (cx, cy, cz) = np.sin(turned), np.cos(turned)
    first = np.arctan2(sx * cy, cx * cy)
    last = np.arctan2(cy * sz, cy * cz)
    return np.array([first, np.arctan2(sy, abs(cy)), last])
