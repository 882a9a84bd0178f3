"""The tasks with simulators: their data, those made here and those of Design-Bench, and what each says is missing."""

from __future__ import annotations

import pickle
from importlib.metadata import version

import numpy as np
import pytest
from mbo_design_bench import facts, shards
from mbo_design_bench.robots import ant, dkitty, engine, hopper, made, make, policies, tasks

from mbo_core.errors import TaskError

OFFERS = {offer.name: offer for offer in tasks.OFFERS}
ROBOTS = [(facts.ANT, ant), (facts.DKITTY, dkitty)]


@pytest.fixture(scope="module")
def hopper_task():
    pytest.importorskip("mujoco", reason=engine.INSTALL)
    return tasks.hopper_gym()


@pytest.fixture(scope="module")
def ant_task():
    pytest.importorskip("mujoco", reason=engine.INSTALL)
    return tasks.ant_gait()


@pytest.fixture
def same_mujoco():
    if version("mujoco") != made.MUJOCO:
        pytest.skip(f"the data were simulated with MuJoCo {made.MUJOCO}, here is {version('mujoco')}")


@pytest.mark.slow
def test_the_hoppers_made_here(hopper_task):
    y = hopper_task.y
    assert hopper_task.x.shape == (3200, 5126)
    assert (y.min(), y.max()) == (hopper_task.y_min, hopper_task.y_max)
    assert OFFERS[hopper_task.name].info.notes.items() <= hopper_task.info.notes.items()
    assert y.max() > 1000
    assert np.median(y) < 500


def test_the_ants_made_here(ant_task):
    assert ant_task.x.shape == (2000, 60)
    assert ant_task.y.max() < ant_task.y_max
    assert ant_task.y.min() == ant_task.y_min == tasks.GAIT_LOWEST
    assert ant_task.space.names[14:16] == ("leg0_ankle_size", "leg1_x")
    assert (np.abs(ant.LEG.scaled(ant_task.x[0].reshape(4, 15))) <= 1).all()


@pytest.mark.slow
def test_everyone_has_the_same_designs(hopper_task, ant_task):
    assert made.bodies().sum() == pytest.approx(2994905.587314, abs=1e-5)
    assert hopper_task.x.sum() == pytest.approx(6951.9973779, abs=1e-4)


@pytest.mark.parametrize("rows", [[0, 700], [1599, 3199]])
def test_a_hopper_scores_as_its_row_says(hopper_task, rows, same_mujoco):
    assert hopper_task.oracle.score(hopper_task.x[rows]) == pytest.approx(hopper_task.y[rows], rel=1e-6)


def test_an_ant_scores_as_its_row_says(ant_task, same_mujoco):
    assert ant_task.oracle.score(ant_task.x[:5]) == pytest.approx(ant_task.y[:5], rel=1e-6)


def test_notes_have_lowest_score_and_simulator(ant_task):
    notes = ant_task.info.notes
    assert notes["score_of_a_failed_simulation"] == tasks.GAIT_LOWEST
    assert notes["mujoco"]
    assert OFFERS[ant_task.name].info.notes.items() <= notes.items()


def test_children_are_noisy_copies_of_the_best(monkeypatch):
    known = np.zeros(made.HOPPER_ROWS)
    known[[7, 11]] = 2.0, 1.0
    first, second, *_ = made.controllers(known)
    distance = np.abs(second - first[7]) / made.sizes()
    near = distance.max(axis=1) <= max(made.NOISES)
    assert np.flatnonzero(near).tolist() == [made.PARENTS * i for i in range(made.CHILDREN // made.PARENTS)]
    assert distance[near].max(axis=1) == pytest.approx(np.tile(made.NOISES, 2), rel=1e-2)


def test_the_scores_can_be_made_anew(monkeypatch):
    pytest.importorskip("mujoco", reason=engine.INSTALL)
    bodies, told = made.bodies()[:6], []
    monkeypatch.setattr(made, "bodies", lambda: bodies)
    monkeypatch.setattr(made, "ANT_ROWS", 6)
    monkeypatch.setattr(make, "PART", 3)
    assert np.array_equal(make.ant(told.append), tasks.GAIT_ORACLE.score(bodies))
    assert told == [3, 3]


def controller(robot) -> bytes:
    rng = np.random.default_rng(0)
    widths = [robot.OBSERVED, 8, 8, 2 * robot.JOINTS]
    found = {}
    for i, inner, outer in zip(policies.LAYERS, widths[:-1], widths[1:], strict=True):
        found[f"base_network.network.{i}.weight"] = rng.normal(size=(outer, inner)).astype(np.float32)
        found[f"base_network.network.{i}.bias"] = np.zeros(outer, np.float32)
    return pickle.dumps(found)


def rows_of(task, count, x):
    """As many rows as Design-Bench has, with the ends of its y."""
    rng = np.random.default_rng(0)
    y = rng.uniform(task.y_min, task.y_max, size=count)
    y[:2] = task.y_min, task.y_max
    return np.resize(x, (count, task.layout.space.length)), y


@pytest.mark.parametrize(("task", "robot"), ROBOTS, ids=["ant", "dkitty"])
def test_a_morphology_of_design_bench(empty, task, robot):
    pytest.importorskip("mujoco", reason=engine.INSTALL)
    offer = OFFERS[task.name]
    assert f"mbo data fetch {task.name}; " in offer.missing()
    shards.write(empty / task.layout.folder, task.layout, *rows_of(task, task.rows, np.ravel(robot.DEFAULT)))
    assert "_oracle.pkl is missing from" in offer.missing()
    with pytest.raises(TaskError, match=r"_oracle\.pkl is missing from"):
        offer.load()
    (empty / tasks.policy_file(task)).write_bytes(controller(robot))
    loaded = offer.load()
    assert offer.missing() is None
    assert loaded.x.shape == (10_004, robot.LEG.length)
    assert loaded.y_min == pytest.approx(task.y_min)
    verdict = loaded.oracle.judge(loaded.x[:2])
    assert verdict.scores[0] == verdict.scores[1]
    assert not verdict.faults


def test_controller_that_is_not_plain_is_refused(empty):
    pytest.importorskip("mujoco", reason=engine.INSTALL)
    path = empty / tasks.policy_file(facts.ANT)
    path.parent.mkdir()
    path.write_bytes(pickle.dumps(controller))
    with pytest.raises(TaskError, match="is refused: it has"):
        OFFERS[facts.ANT.name].load()


@pytest.mark.slow
def test_the_hopper_of_design_bench(empty):
    pytest.importorskip("mujoco", reason=engine.INSTALL)
    offer = OFFERS[facts.HOPPER.name]
    assert "mbo data fetch HopperController-Exact-v0" in offer.missing()
    x = np.random.default_rng(0).normal(size=hopper.LENGTH) * 0.1
    shards.write(empty / facts.HOPPER.layout.folder, facts.HOPPER.layout, *rows_of(facts.HOPPER, 3200, x))
    task = offer.load()
    assert task.x.shape == (3200, 5126)
    assert np.array_equal(task.oracle.score(task.x[:1]), tasks.GYM_ORACLE.score(task.x[:1]))
    assert task.info.notes["score_of_a_failed_simulation"] == hopper.LOWEST


def test_those_made_here_need_no_data(empty):
    if engine.missing() is None:
        assert {name for name, offer in OFFERS.items() if offer.missing() is None} == {tasks.GYM, tasks.GAIT_NAME}
