"""Rollouts a second of the robots, beside loops of gymnasium's own Hopper-v4 and Ant-v5 in one thread.

    pip install -e 'plugins/mbo-design-bench[mujoco]' 'gymnasium[mujoco]'
    OMP_NUM_THREADS=1 python tests/benchmarks/robots.py

Hoppers that stand for all of the 1,000 steps are taken from the data set made here. The scores are compared too: both
simulate the same, to the last bit. Ant-v5 is given the bodies of the task, as files, and the task's gait for 100 steps;
to build its environments is not counted. What the processors were busy with is printed beside the wall time, for a
machine with other jobs.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from pathlib import Path

import mujoco
import numpy as np
from mbo_design_bench.robots import ant, hopper, legs, made, tasks

ROLLOUTS = 16
REPEATS = 3


def ants(gymnasium, bodies) -> list:
    """Gymnasium's environment around each body, without what the task has not: noise, falls, contact forces."""
    rules = {"terminate_when_unhealthy": False, "reset_noise_scale": 0.0, "include_cfrc_ext_in_observation": False}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, body in enumerate(bodies):
            file = Path(folder, f"{number}.xml")
            file.write_text(ant.xml(ant.LEG.clipped(body)))
            found.append(gymnasium.make("Ant-v5", xml_file=str(file), **rules))
    return found


def walked(env) -> float:
    """100 steps of the task's gait by gymnasium."""
    env.reset()
    return sum(env.step(tasks.GAIT(step, None))[1] for step in range(legs.HORIZON))


def theirs(env, design) -> float:
    """One rollout by gymnasium, from the same start."""
    policy, start, robot = hopper.Policies.of(design[None]), hopper.start(), env.unwrapped
    env.reset()
    mujoco.mj_resetData(robot.model, robot.data)
    robot.set_state(start[:6], start[6:])
    seen, total, done = robot._get_obs(), 0.0, False
    while not done:
        seen, reward, fell, late, _ = env.step(policy.torques(seen[None])[0])
        total, done = total + reward, fell or late
    return total


def timed(name: str, work, count: int):
    """The results, and the rollouts a second of the fastest repeat, by the clock and by processor time."""
    wall, busy = [], []
    for _ in range(REPEATS):
        begun, used = time.perf_counter(), time.process_time()
        found = work()
        wall.append(time.perf_counter() - begun)
        busy.append(time.process_time() - used)
    print(f"{name:42} {count / min(wall):8.2f} rollouts/s, {min(busy) / count * 1e3:8.2f} ms of processor each")
    return np.array(found), count / min(wall), count / min(busy)


def main() -> None:
    import gymnasium

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls v4 out of date
        env = gymnasium.make("Hopper-v4")
    task = tasks.hopper_gym()
    long = task.x[np.argsort(-task.y)[: ROLLOUTS * 4]]
    few = long[:ROLLOUTS]
    expected, *their_rates = timed("gymnasium's Hopper-v4, one thread", lambda: [theirs(env, x) for x in few], len(few))
    found, *rates = timed("Hopper", lambda: task.oracle.score(long), len(long))
    assert np.array_equal(found[:ROLLOUTS], expected), "the scores differ"
    clock, processor = (ours / theirs for ours, theirs in zip(rates, their_rates, strict=True))
    processors = os.cpu_count() or 1
    print(f"ratio {clock:.2f}, and {processor * processors:.2f} if {processors} processors were free; equal scores")
    bodies = made.bodies()[: 4 * ROLLOUTS]
    envs = ants(gymnasium, bodies[:ROLLOUTS])
    _, their_ants, _ = timed("gymnasium's Ant-v5, one thread", lambda: [walked(env) for env in envs], len(envs))
    _, our_ants, _ = timed("Ant, fixed gait", lambda: tasks.GAIT_ORACLE.score(bodies), len(bodies))
    print(f"ratio {our_ants / their_ants:.2f}")


if __name__ == "__main__":
    main()
