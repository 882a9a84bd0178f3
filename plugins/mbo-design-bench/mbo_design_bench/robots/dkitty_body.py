"""The body of D'Kitty as MJCF: parts with mass or contacts. Sources: see `dkitty`."""

from __future__ import annotations

from mbo_design_bench.robots.legs import Vector, numbers

BULKHEADS = (
    (0.038, (0.062442, -0.105988), (0.062336, -0.137917)),
    (0.085, (0.061666, -0.105820), (0.044276, -0.053332)),
    (0.065, (0.044585, -0.053538), (0.039430, 0.001113)),
    (0.065, (0.044585, 0.053538), (0.039430, -0.001113)),
    (0.085, (0.061666, 0.105820), (0.044276, 0.053332)),
    (0.038, (0.062442, 0.105988), (0.062336, 0.137917)),
)
"""The torso's six prisms: mass, then half the width and the y of both ends, rounded to a micrometre."""
HEIGHTS = (-0.017621, 0.017619)
MOUNTS = ((0.078, -0.122), (-0.078, -0.122), (-0.078, 0.122), (0.078, 0.122))

SCENE = """
<mujoco model="dkitty">
  <compiler angle="radian"/>
  <option timestep="0.0025"/>
  <default>
    <default class="dkitty">
      <joint limited="true" damping="1" armature="0.001"/>
      <geom type="box" condim="4" margin="0.001" solref=".02 1" solimp=".8 .9 .01"/>
      <position kp="5" ctrllimited="true"/>
    </default>
  </default>
  <asset>
    <hfield name="flat" size="4.5 4.5 1 .1" nrow="120" ncol="120"/>
    {meshes}
  </asset>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 .1"/>
    <geom name="terrain" type="hfield" hfield="flat" pos="0 0 -.005"/>
    <body name="kitty" pos="0 0 .3">
      <geom type="sphere" size="0.01" mass="0.01"/>
      <joint name="Tx" axis="1 0 0" limited="true" type="slide" range="-10 10"/>
      <joint name="Ty" axis="0 1 0" limited="true" type="slide" range="-10 10"/>
      <joint name="Tz" axis="0 0 1" limited="true" type="slide" range="-2 2"/>
      <joint name="Rx" axis="1 0 0" limited="true" range="-3.14 3.14"/>
      <joint name="Ry" axis="0 1 0" limited="true" range="-3.14 3.14"/>
      <joint name="Rz" axis="0 0 1" limited="true" range="-3.14 3.14"/>
      <body name="torso" childclass="dkitty">
        {torso}
        {legs}
      </body>
    </body>
  </worldbody>
  <actuator>{motors}</actuator>
</mujoco>
"""

LEG = """
        <body pos="{place}" euler="{turn}">
          <joint name="hip{i}" axis="0 1 0" range="{hip}"/>
          <geom euler="0 0 1.57" pos="0 -0.02 0.026" size="0.0015 0.013 0.029" mass=".005"/>
          <geom euler="0 0 1.57" pos="0 0.02 0.026" size="0.0015 0.013 0.029" mass=".005"/>
          <geom euler="0 0 1.57" pos="0 0 0.051" size="0.019 0.016 0.004" mass=".008"/>
          <geom pos="0 0 0.061" size="0.019 0.013 0.006" mass=".005"/>
          <geom pos="0 0 0.084" size="0.018 0.015 0.024" mass=".095"/>
          <body pos="0 0 {thigh_size}">
            <joint name="thigh{i}" axis="1 0 0" range="{thigh}"/>
            <geom pos="0 0 0.051" size="0.019 0.016 0.004" mass=".008"/>
            <geom pos="-0.02 0 0.026" size="0.0015 0.013 0.029" mass=".005"/>
            <geom pos="0.02 0 0.026" size="0.0015 0.013 0.029" mass=".005"/>
            <geom pos="0 0 0.084" size="0.018 0.015 0.023" mass=".095"/>
            <geom pos="0 0 0.06" size="0.019 0.013 0.006" mass=".005"/>
            <body pos="0 0 {ankle_size}">
              <joint name="ankle{i}" axis="1 0 0" range="{ankle}"/>
              <geom pos="0.02 0 0.026" size="0.0015 0.013 0.029" mass=".005"/>
              <geom pos="-0.02 0 0.026" size="0.0015 0.013 0.029" mass=".005"/>
              <geom pos="0 0 0.052" size="0.019 0.016 0.004" mass=".008"/>
              <geom pos="0 0 0.058" size="0.025 0.014 0.003" mass=".002"/>
              <geom pos="0 0 0.082" size="0.0103 0.0187" type="capsule" mass=".02"/>
            </body>
          </body>
        </body>"""


def xml(legs: Vector) -> str:
    """The body with legs (4, 14)."""
    return SCENE.format(
        meshes="".join(f'<mesh name="b{i}" vertex="{_prism(*ends)}"/>' for i, (_, *ends) in enumerate(BULKHEADS)),
        torso="".join(f'<geom type="mesh" mesh="b{i}" mass="{mass}"/>' for i, (mass, *_) in enumerate(BULKHEADS))
        + "".join(f'<geom pos="{x} {y} 0" size="0.024 0.018 0.015" mass=".086"/>' for x, y in MOUNTS),
        legs="".join(_leg(i, *leg) for i, leg in enumerate(legs)),
        motors="".join(_motors(i, *leg) for i, leg in enumerate(legs)),
    )


def _prism(near: tuple[float, float], far: tuple[float, float]) -> str:
    return " ".join(numbers(side * width, y, z) for width, y in (near, far) for side in (-1, 1) for z in HEIGHTS)


def _ranges(*turns: float) -> dict[str, str]:
    hip, hip_range, thigh, _, ankle, ankle_range = turns
    return {
        "hip": numbers(hip - hip_range, hip + hip_range),
        # Not the thigh's range, as in morphing-agents, whose commands are then limited to the thigh's range.
        "thigh": numbers(thigh - hip_range, thigh + hip_range),
        "ankle": numbers(ankle - ankle_range, ankle + ankle_range),
    }


def _leg(i: int, *leg: float) -> str:
    sizes = {"thigh_size": numbers(leg[12]), "ankle_size": numbers(leg[13])}
    return LEG.format(i=i, place=numbers(*leg[:3]), turn=numbers(*leg[3:6]), **_ranges(*leg[6:12]), **sizes)


def _motors(i: int, *leg: float) -> str:
    ranges = _ranges(*leg[6:12])
    return "".join(f'<position class="dkitty" joint="{joint}{i}" ctrlrange="{ranges[joint]}"/>' for joint in ranges)
