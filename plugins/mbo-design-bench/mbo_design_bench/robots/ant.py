"""Ant: the bodies of a four-legged robot, and how far a fixed controller walks with each.

Facts: morphing-agents 1.5.1 (MIT), `mujoco/ant`, and design-bench 2.0.20 (MIT), `ant_morphology_oracle.py`, both on the
MuJoCo 2.0 of mujoco-py. That version left the contact forces at zero (openai/gym issue 1541), in the observation and in
the reward; so do they here. A rollout has 100 steps of 0.05 s, starts at rest in the same place, and has no early end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mbo_design_bench.robots import engine
from mbo_design_bench.robots.legs import HORIZON, LEGS, PLACE, TURNS, Controller, Leg, Vector, numbers

LEG = Leg(
    names=(*PLACE, *TURNS, "hip_size", "thigh_size", "ankle_size"),
    lower=(-0.1, -0.1, -0.1, -180, -180, -180, -180, 5, -180, 5, -180, 5, 0.1, 0.1, 0.2),
    upper=(0.1, 0.1, 0.1, 180, 180, 180, 180, 45, 180, 45, 180, 45, 0.4, 0.4, 0.8),
)
"""Place in metres, angles in degrees; a joint turns from `center - range` to `center + range`."""

DEFAULT = np.array([[0, 0, 0, 0, 0, c, 0, 5, 0, 30, 50, 20, 0.2, 0.2, 0.4] for c in (0, 90, 180, -90)])

JOINTS = 3 * LEGS
SUBSTEPS = 5
SECONDS = 0.05
CONTACTS = np.zeros(6 * (2 + 3 * LEGS))
"""The contact forces of the 14 bodies, the world's included."""
OBSERVED = 17 + 18 + len(CONTACTS) + LEG.length

# One robot is one island: skipping the search for islands saves a fifteenth of the time and changes no bit.
HEAD = """
<mujoco model="ant">
  <compiler angle="degree" inertiafromgeom="true"/>
  <option integrator="RK4" timestep="0.01"><flag island="disable"/></option>
  <default>
    <joint armature="1" damping="1" limited="true"/>
    <geom conaffinity="0" condim="3" density="5" friction="1 0.5 0.5" margin="0.01"/>
    <default class="limb"><geom type="capsule" size="0.08"/></default>
    <motor gear="150" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="40 40 40" conaffinity="1"/>
    <body name="torso" pos="0 0 1.25">
      <joint name="root" type="free" armature="0" damping="0" limited="false" margin="0.01"/>
      <geom type="sphere" size="0.25"/>
"""


def xml(legs: Vector) -> str:
    """The body with legs (4, 15), as MJCF."""
    motors = "".join(f'<motor joint="{joint}{i}"/>' for i in range(LEGS) for joint in ("hip", "thigh", "ankle"))
    body = "".join(_leg(i, *leg) for i, leg in enumerate(legs))
    return f"{HEAD}{body}</body></worldbody><actuator>{motors}</actuator></mujoco>"


def _leg(i: int, x: float, y: float, z: float, a: float, b: float, c: float, *rest: float) -> str:
    hip, hip_range, thigh, thigh_range, ankle, ankle_range, hip_size, thigh_size, ankle_size = rest
    return f"""
      <body pos="{numbers(x, y, z)}" euler="{numbers(a, b, c)}">
        {_limb(hip_size)}
        <body pos="{numbers(hip_size, hip_size, 0)}">
          <joint name="hip{i}" axis="-1 1 0" range="{numbers(hip - hip_range, hip + hip_range)}"/>
          <joint name="thigh{i}" axis="0 0 1" range="{numbers(thigh - thigh_range, thigh + thigh_range)}"/>
          {_limb(thigh_size)}
          <body pos="{numbers(thigh_size, thigh_size, 0)}">
            <joint name="ankle{i}" axis="-1 1 0" range="{numbers(ankle - ankle_range, ankle + ankle_range)}"/>
            {_limb(ankle_size)}
          </body>
        </body>
      </body>"""


def _limb(size: float) -> str:
    return f'<geom class="limb" fromto="0 0 0 {numbers(size, size)} 0"/>'


def rollout(legs: Vector, controller: Controller) -> float:
    """The sum of rewards of a body with legs (4, 15): forward speed, minus half the squared torques, plus 1 a step.

    Raises:
        Fault: if the body does not compile, or its simulation diverges.
    """
    mujoco = engine.library()
    model = engine.compiled(xml(legs))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    total, shape = 0.0, LEG.scaled(legs)
    for step in range(HORIZON):
        action = controller(step, observation(data, shape))
        before = data.xpos[1, 0]
        data.ctrl[:] = action
        mujoco.mj_step(model, data, SUBSTEPS)
        # The torso's position as last computed by MuJoCo, an integrator stage behind `qpos`, as in the original.
        total += (data.xpos[1, 0] - before) / SECONDS - 0.5 * np.square(action).sum() + 1.0
    engine.check(data.warning.number, data.time)
    return float(total)


def observation(data: Any, shape: Vector) -> Vector:
    """What the trained controller sees, (179,): joints, speeds, contact forces (zeros), and the body itself."""
    return np.concatenate([data.qpos[2:], data.qvel, CONTACTS, shape])
