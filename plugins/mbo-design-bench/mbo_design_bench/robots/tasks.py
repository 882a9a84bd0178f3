"""The tasks with simulators: Design-Bench's three, and two of our own without files of Design-Bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np

from mbo_core.errors import TaskError
from mbo_core.tasks import Space, Task, TaskInfo, TaskOffer
from mbo_design_bench import data, facts, rows
from mbo_design_bench.layout import Facts
from mbo_design_bench.robots import ant, dkitty, engine, hopper, legs, made, policies

GAIT = policies.Gait(
    seconds=ant.SECONDS,
    hertz=1.3,
    amplitudes=(0.3, 0.32, 0.2),
    joints=(0.875, 0.5, 0.875),
    legs=(0.0, 0.75, 0.0, 0.25),
)
"""The best of 393 random gaits for the default body, with a rounded frequency."""
GAIT_LOWEST = -52.31622287089397
"""The lowest score of the data."""

GYM = "HopperController-Gym-v0"
GAIT_NAME = "AntMorphology-Gait-v0"
OURS = (
    "with nothing published: the data set is made here; compare methods with each other, on one version of MuJoCo "
    f"(the data were simulated with {made.MUJOCO})"
)

GYM_ORACLE = hopper.Hopping(GYM)
GAIT_ORACLE = legs.Walking(GAIT_NAME, ant.LEG, ant.rollout, GAIT, GAIT_LOWEST)

GYM_INFO = TaskInfo(
    summary="weights of a controller that makes a one-legged robot hop far, by simulation; data made here",
    source=(
        f"{made.FIRST} random controllers and {made.GENERATIONS} generations of {made.CHILDREN} children of the best, "
        f"seed {made.HOPPER_SEED}; the best stand still for all 1,000 steps, few hop"
    ),
    licence="Apache-2.0",
    citation="Brockman et al. 2016, OpenAI Gym, arXiv:1606.01540; Towers et al. 2024, Gymnasium, arXiv:2407.17032",
    oracle="simulator",
    comparable=OURS,
    notes={
        "rows": made.HOPPER_ROWS,
        "visible_percentiles": [0, 100],
        "y_min": -1.8015737,
        "y_max": 1028.4007,
        "best_visible_normalised": 1.0,
        "design": f"{hopper.LENGTH} numbers",
        "start_seed": hopper.START_SEED,
    },
)
GAIT_INFO = TaskInfo(
    summary="body shapes of a four-legged robot that run far under a fixed gait, by simulation; data made here",
    source=f"{made.ANT_ROWS} bodies around the default of morphing-agents 1.5.1 (MIT), seed {made.ANT_SEED}",
    licence="Apache-2.0",
    citation="robot: Trabucco et al. 2019, morphing-agents; task: Trabucco et al. 2022, Design-Bench, arXiv:2202.08450",
    oracle="simulator",
    comparable=OURS,
    notes={
        "rows": made.ANT_ROWS,
        "visible_percentiles": [0, 40],
        "y_min": GAIT_LOWEST,
        "y_max": 205.05131,
        "best_visible_normalised": 0.478,
        "design": f"{ant.LEG.length} numbers",
        **facts.BOUNDS,
        "gait": str(GAIT),
    },
)


def policy_file(task: Facts) -> str:
    """The file of a morphology's trained controller in the data folder, as in Design-Bench."""
    return f"{task.layout.folder}/{task.layout.folder.split('_')[0]}_oracle.pkl"


def policy_hint(task: Facts) -> str:
    """How to get the trained controller."""
    url = f"https://huggingface.co/datasets/beckhamc/design_bench_data/resolve/main/{policy_file(task)}"
    return f"put Design-Bench's trained controller there by hand, e.g. from {url}; it is read as plain arrays only"


def policy_missing(task: Facts) -> str | None:
    """One line on a missing trained controller, or None."""
    line = data.missing(policy_file(task))
    return line and f"{line}: {policy_hint(task)}"


def hopper_exact() -> Task:
    """The rows of Design-Bench, scored by the current simulator.

    Raises:
        TaskError: without MuJoCo, or the data.
    """
    engine.library()
    oracle = hopper.Hopping(facts.HOPPER.name)
    return rows.task(facts.HOPPER, rows.read(facts.HOPPER), oracle, engine.notes(hopper.LOWEST))


def hopper_gym() -> Task:
    """The controllers made here, all of them visible.

    Raises:
        TaskError: without MuJoCo.
    """
    engine.library()
    y = made.scores(made.HOPPER_FILE)
    info = replace(GYM_INFO, notes={**GYM_INFO.notes, **engine.notes(hopper.LOWEST)})
    return Task(GYM, np.concatenate(list(made.controllers(y))), y, oracle=GYM_ORACLE, info=info, replicates="keep")


def ant_gait() -> Task:
    """The bodies made here, of which the lower 40 % are visible.

    Raises:
        TaskError: without MuJoCo.
    """
    engine.library()
    x, y = made.bodies(), made.scores(made.ANT_FILE)
    seen = y <= np.percentile(y, 40)
    info = replace(GAIT_INFO, notes={**GAIT_INFO.notes, **engine.notes(GAIT_LOWEST)})
    space = Space.continuous(ant.LEG.length, ant.LEG.columns)
    low, high = float(y.min()), float(y.max())
    return Task(
        GAIT_NAME,
        x[seen],
        y[seen],
        space=space,
        oracle=GAIT_ORACLE,
        info=info,
        y_min=low,
        y_max=high,
        replicates="keep",
    )


def morphology(task: Facts, robot: ModuleType) -> Task:
    """The rows of Design-Bench, scored by the current simulator under Design-Bench's trained controller.

    Raises:
        TaskError: without MuJoCo, the controller, or the data.
    """
    engine.library()
    path = data.find(policy_file(task))
    if path is None:
        raise TaskError(f"{task.name}: {data.missing(policy_file(task))}", policy_hint(task))
    controller = policies.read(path, robot.OBSERVED, robot.JOINTS, policy_hint(task))
    oracle = legs.Walking(task.name, robot.LEG, robot.rollout, controller, task.y_min)
    return rows.task(task, rows.read(task), oracle, engine.notes(task.y_min))


def _all(*questions: Callable[[], str | None]) -> Callable[[], str | None]:
    """One line on everything that is missing."""
    return lambda: "; ".join(line for ask in questions if (line := ask())) or None


def _morphology(task: Facts, robot: ModuleType) -> TaskOffer:
    missing = _all(engine.missing, partial(rows.missing, task), partial(policy_missing, task))
    return TaskOffer(task.name, task.kind, task.info, partial(morphology, task, robot), missing)


OFFERS = [
    TaskOffer(
        facts.HOPPER.name,
        "continuous",
        facts.HOPPER.info,
        hopper_exact,
        _all(engine.missing, partial(rows.missing, facts.HOPPER)),
    ),
    TaskOffer(GYM, "continuous", GYM_INFO, hopper_gym, engine.missing),
    _morphology(facts.ANT, ant),
    TaskOffer(GAIT_NAME, "continuous", GAIT_INFO, ant_gait, engine.missing),
    _morphology(facts.DKITTY, dkitty),
]
