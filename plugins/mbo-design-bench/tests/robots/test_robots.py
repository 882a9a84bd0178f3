"""The simulators: their rules, that a design has one score, and what becomes of those that cannot be simulated."""

from __future__ import annotations

import math
from dataclasses import replace
from threading import Event, Thread

import numpy as np
import pytest
from mbo_design_bench.robots import ant, dkitty, engine, hopper, legs, made, policies, tasks

from mbo_core.errors import TaskError
from mbo_core.stages import OracleEvaluation
from mbo_core.tasks import FallibleOracle

mujoco = pytest.importorskip("mujoco", reason=engine.INSTALL)

RNG = np.random.default_rng(0)
HOPPERS = RNG.normal(size=(20, hopper.LENGTH)) * RNG.choice([0.03, 0.1, 0.3], size=(20, 1))
ANTS = made.bodies()[:6]
DKITTY = legs.Walking("kitty", dkitty.LEG, dkitty.rollout, tasks.GAIT, -880.0)
KITTIES = np.ravel(dkitty.DEFAULT) + RNG.normal(size=(6, dkitty.LEG.length)) * 0.05
ORACLES = {"hopper": (tasks.GYM_ORACLE, HOPPERS), "ant": (tasks.GAIT_ORACLE, ANTS), "dkitty": (DKITTY, KITTIES)}


def still(step, observation):
    return np.zeros(12)


@pytest.mark.parametrize(("oracle", "designs"), ORACLES.values(), ids=ORACLES)
def test_design_has_same_score_alone(oracle, designs):
    scores = oracle.score(designs)
    alone = [oracle.score(design[None])[0] for design in designs]
    assert np.array_equal(scores, alone)
    assert np.array_equal(oracle.score(designs[::-1])[::-1], scores)
    assert len(set(scores)) == len(scores)


@pytest.mark.parametrize(("oracle", "designs"), ORACLES.values(), ids=ORACLES)
def test_no_design_scores_nothing_and_others_are_refused(oracle, designs):
    assert oracle.score(designs[:0]).shape == (0,)
    for wrong in (designs[:, 1:], designs[0], np.full_like(designs[:1], np.nan)):
        with pytest.raises(TaskError):
            oracle.score(wrong)


def test_the_hoppers_start_is_a_constant():
    start = hopper.start()
    assert start[:3] == pytest.approx([0.00136961, 1.24769787, -0.00459026], abs=1e-8)
    assert np.abs(start - [0, 1.25, *[0] * 10]).max() <= 5e-3


def test_hopper_earns_reward_also_when_it_falls():
    """Constant torques (0.5, -2, 0), which are paid for as asked, though MuJoCo clips the second."""
    design = np.zeros(hopper.LENGTH)
    design[-6:-3] = torques = [0.5, -2.0, 0.0]
    data = mujoco.MjData(mujoco.MjModel.from_xml_string(hopper.XML))
    data.qpos[:], data.qvel[:] = hopper.start()[:6], hopper.start()[6:]
    mujoco.mj_forward(data.model, data)
    begun, steps = data.qpos[0], 0
    while data.qpos[1] > 0.7 and abs(data.qpos[2]) < 0.2:
        data.ctrl[:] = torques
        mujoco.mj_step(data.model, data, 4)
        steps += 1
    expected = (data.qpos[0] - begun) / 0.008 + steps * (1 - 0.001 * 4.25)
    assert steps < 100
    assert hopper.Hopping("x").score(design[None])[0] == pytest.approx(expected)


def test_hoppers_at_once_match_the_c_library():
    """Many hoppers in one call move like one stepped by the C library."""
    design = HOPPERS[0]
    policy, model = hopper.Policies.of(design[None]), mujoco.MjModel.from_xml_string(hopper.XML)
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = hopper.start()[:6], hopper.start()[6:]
    mujoco.mj_forward(model, data)
    total, state = 0.0, hopper.start()[None]
    while hopper.healthy(state)[0]:
        data.ctrl[:] = wanted = policy.torques(hopper.observations(state))[0]
        mujoco.mj_step(model, data, 4)
        total += (data.qpos[0] - state[0, 0]) / 0.008 + 1.0 - 1e-3 * np.square(wanted).sum()
        state = np.concatenate([data.qpos, data.qvel])[None]
    assert data.time > 0.1
    assert hopper.Hopping("x").score(HOPPERS)[0] == total


def test_warnings_and_clock_are_off_only_while_moving():
    clock, warn = engine._clock(), mujoco.get_mju_user_warning()
    running = clock.value
    assert running
    with engine.quiet():
        assert clock.value is None
        assert mujoco.get_mju_user_warning() is not warn
    assert clock.value == running
    assert mujoco.get_mju_user_warning() is warn


def test_concurrent_scoring_restores_the_handlers():
    clock, warn = engine._clock(), mujoco.get_mju_user_warning()
    running, first_in, second_in, first_out = clock.value, Event(), Event(), Event()

    def first() -> None:
        with engine.quiet():
            first_in.set()
            second_in.wait(0.3)  # in vain: the second has to wait outside
        first_out.set()

    def second() -> None:
        first_in.wait(5)
        with engine.quiet():
            second_in.set()
            first_out.wait(5)

    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.value == running
    assert mujoco.get_mju_user_warning() is warn


@pytest.mark.parametrize(
    ("changes", "stands"),
    [
        ({}, True),
        ({1: 0.69}, False),
        ({1: 0.71}, True),
        ({2: 0.21}, False),
        ({2: -0.19}, True),
        ({8: 101.0}, False),
        ({0: 500.0}, True),
        ({5: math.nan}, False),
    ],
)
def test_when_a_hopper_stands(changes, stands):
    state = hopper.start()
    for place, value in changes.items():
        state[place] = value
    assert hopper.healthy(state[None]).tolist() == [stands]


def test_controller_weights_follow_the_order_of_design_bench():
    design = HOPPERS[0]
    w0, b0, w1, b1, w2, b2 = np.split(design, [704, 768, 4864, 4928, 5120, 5123])[:6]
    seen = np.linspace(-1, 1, 11)
    hidden = np.tanh(np.tanh(seen @ w0.reshape(11, 64) + b0) @ w1.reshape(64, 64) + b1)
    expected = hidden @ w2.reshape(64, 3) + b2
    assert hopper.Policies.of(design[None]).torques(seen[None])[0] == pytest.approx(expected)


def test_last_three_numbers_do_not_matter():
    other = HOPPERS[:1].copy()
    other[:, -3:] = 7
    assert hopper.Hopping("x").score(other) == hopper.Hopping("x").score(HOPPERS[:1])


def test_a_controller_is_scored_unrounded():
    near = HOPPERS[0] * (1 + 1e-10)  # float32 would not tell them apart
    assert hopper.Hopping("x").score(near[None]) != hopper.Hopping("x").score(HOPPERS[:1])


def test_an_ant_at_rest_earns_one_a_step():
    assert ant.rollout(ant.DEFAULT, still) == pytest.approx(100, abs=1e-3)


def test_an_ant_pays_for_its_torques():
    paid = ant.rollout(ant.DEFAULT, lambda step, observation: np.full(12, 1e-9 + 0.5 * (step == 99)))
    assert paid == pytest.approx(100 - 0.5 * 12 * 0.25, abs=0.5)


@pytest.mark.parametrize(("robot", "observed"), [(ant, 179), (dkitty, 108)])
def test_a_controller_sees_what_the_original_one_saw(robot, observed):
    seen = []

    def watch(step, observation):
        seen.append(observation)
        return np.zeros(12)

    body = robot.LEG.clipped(np.ravel(robot.DEFAULT))
    robot.rollout(body, watch)
    assert {len(each) for each in seen} == {observed} == {robot.OBSERVED}
    assert np.array_equal(seen[0][-robot.LEG.length :], robot.LEG.scaled(body))


def test_scaled_legs_run_from_minus_one_to_one():
    low, high = (np.tile(ends, (4, 1)) for ends in (dkitty.LEG.lower, dkitty.LEG.upper))
    assert dkitty.LEG.scaled(low).tolist() == [-1] * 56
    assert dkitty.LEG.scaled(high) == pytest.approx(np.tile([1, 1, -1, *[1] * 11], 4))  # z has no room
    assert np.array_equal(dkitty.LEG.clipped(np.ravel(high) + 1), high)


@pytest.mark.parametrize(
    ("pose", "earned", "fell"),
    [
        ((0, 0, 0, 0, 0, 0), 1 - 8 + 2 + 5, False),
        ((0, 1.75, 0, 0, 0, 0), 1 - 1 + 2 + 5 + 5 + 10, False),
        ((0, 0, 0, 0, 0, math.pi / 2), 1 - 8 - 18, False),
        ((0, 0, 0, 0.5, 0, 0), (math.cos(0.5) - 0.9) * 10 - 500 - 8 + 2 + 5, True),
        ((0, 1.75, 0, 0, 0, math.pi), 1 - 1 - 38 + 5, False),
    ],
)
def test_what_a_step_of_the_kitty_earns(pose, earned, fell):
    assert dkitty.reward(np.array(pose, dtype=float)) == (pytest.approx(earned), fell)


def test_command_speed_is_limited_as_in_the_original():
    limits = dkitty.ranges(dkitty.DEFAULT)
    place = limits.mean(axis=1) - 1.0
    assert dkitty.command(np.ones(12), place, limits) == pytest.approx(np.minimum(limits[:, 1], place + 0.1 * math.pi))
    assert dkitty.command(np.zeros(12), place, limits) == pytest.approx(place + 0.1 * math.pi)


def test_canonical_euler_angles_are_the_same_rotation():
    for turned in RNG.uniform(-3, 3, size=(20, 3)):
        first, second = _matrix(*turned), _matrix(*dkitty.euler(turned))
        assert second == pytest.approx(first)


def _matrix(x, y, z):
    cx, cy, cz, sx, sy, sz = *np.cos([x, y, z]), *np.sin([x, y, z])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return about_x @ about_y @ np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])


def test_uncompilable_body_gets_lowest_score_and_reason():
    backwards = replace(ant.LEG, lower=ant.LEG.lower[:7] + (-9.0,) * 8)
    oracle = legs.Walking("ant", backwards, ant.rollout, still, -1000.0)
    designs = np.stack([ANTS[0], np.where(np.arange(60) % 15 == 7, -5.0, ANTS[0])])
    verdict = oracle.judge(designs)
    assert verdict.scores[1] == -1000
    assert list(verdict.faults) == [1]
    assert "the body does not compile: Error: range[0] should be smaller" in verdict.faults[1]
    assert "\n" not in verdict.faults[1]


def test_diverged_simulation_gets_lowest_score_and_reason(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    oracle = legs.Walking("ant", ant.LEG, ant.rollout, lambda step, seen: np.full(12, np.nan), -1000.0)
    verdict = oracle.judge(ANTS[:2])
    assert verdict.scores.tolist() == [-1000, -1000]
    assert "the simulation diverged: BADCTRL" in verdict.faults[0]
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_diverged_hopper_gets_lowest_score_and_reason(monkeypatch):
    start = hopper.start()
    monkeypatch.setattr(hopper, "start", lambda: np.where(np.arange(12) == 7, 1e11, start))
    verdict = tasks.GYM_ORACLE.judge(HOPPERS[:2])
    assert verdict.scores.tolist() == [hopper.LOWEST] * 2
    assert "the simulation diverged: BADQVEL" in verdict.faults[1]


def test_the_faults_reach_the_evaluation(monkeypatch):
    task = tasks.ant_gait()
    assert isinstance(task.oracle, FallibleOracle)
    monkeypatch.setattr(engine, "compiled", _refuse)
    scores = OracleEvaluation().score(ANTS[:2].copy(), task)
    assert scores["fault"] == ["it is too odd"] * 2
    assert scores["raw"].tolist() == [tasks.GAIT_LOWEST] * 2


def _refuse(xml):
    raise engine.Fault("it is too odd")


def test_without_mujoco_the_tasks_say_what_to_install(monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    for offer in tasks.OFFERS:
        assert offer.missing().startswith("mujoco is not installed: pip install 'mbo-design-bench[mujoco]'")
        with pytest.raises(TaskError, match="mujoco is not installed"):
            offer.load()


def test_gait_turns_legs_in_turn():
    gait = policies.Gait(0.05, 2.0, (0.5, 0.1, 0.0), (0.0, 0.25, 0.0), (0.0, 0.25, 0.5, 0.75))
    first = gait(0, np.empty(0)).reshape(4, 3)
    assert first == pytest.approx(np.array([[0, 0.1, 0], [0.5, 0, 0], [0, -0.1, 0], [-0.5, 0, 0]]))
    assert gait(10, np.empty(0)) == pytest.approx(gait(0, np.empty(0)))
