"""Checks of tasks: what they say of themselves, their data, and their oracle."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import MboError
from mbo_core.tasks.oracles import Oracle
from mbo_core.tasks.task import OracleKind
from mbo_core.testing.case import Fault, Inapplicable, demand
from mbo_core.testing.subjects import Tried

ROWS = 64
"""Designs that the oracle is asked for: simulators take their time."""


def task_info(tried: Tried) -> None:
    """The task says where its data come from, under which licence, whom to cite, and what its scores compare with."""
    info = tried.offer.info
    silent = [name for name in ("summary", "source", "licence", "comparable") if not getattr(info, name)]
    if not info.citation and info.oracle != "formula":
        silent.append("citation")
    demand(not silent, f"the task does not state its {', '.join(silent)}", "give them in TaskInfo")
    known = get_args(OracleKind)
    demand(info.oracle in known, f'the oracle is "{info.oracle}"', f"it is one of {', '.join(known)}")


def task_loads(tried: Tried) -> None:
    """The task loads, is what its offer says, and holds more than one score; if it is not ready, it refuses to load."""
    if tried.offer.unready() is not None:
        _demand_refusal(tried)
    task = tried.task
    said, found = (tried.offer.name, tried.offer.kind), (task.name, task.kind)
    demand(said == found, f"the offer says {said}, and the task {found}", "give both the same name and kind")
    same = tried.offer.info.notes.items() <= task.info.notes.items() and tried.offer.info.oracle == task.info.oracle
    demand(same, "the loaded task says other things of itself than its offer", "only add to its notes")
    finite = np.isfinite([task.y_min, task.y_max]).all() and task.y_min < task.y_max
    demand(finite, f"scores normalise from {task.y_min} to {task.y_max}", "give a finite y_min below y_max")
    demand(
        (task.oracle is None) == (task.info.oracle == "none"), "the oracle is not of the kind stated", "see TaskInfo"
    )


def _demand_refusal(tried: Tried) -> None:
    reason = tried.offer.unready()
    try:
        tried.offer.load()
    except MboError as error:
        demand(error.hint, f"a task that is not ready says no more than: {error.message}", "hint at how to get it")
        raise Inapplicable(f"not ready here: {reason}") from error
    raise Fault(f"it says that something is missing ({reason}), and loads", "let missing() and load() agree")


def oracle(tried: Tried) -> None:
    """The oracle scores a design alike each time, gives (n,) scores, changes no design, and knows those of a table."""
    task = tried.task
    if task.oracle is None:
        raise Inapplicable("the task has no oracle")
    x = task.x[:ROWS].copy()
    first, again = (np.asarray(task.oracle.score(x)) for _ in range(2))
    demand(np.array_equal(x, task.x[:ROWS]), "the oracle changes the designs that it is given", "let it copy them")
    demand(first.shape == (len(x),), f"scores of {len(x)} designs have shape {first.shape}", "give one a design: (n,)")
    demand(np.isfinite(first).all(), "a visible design has no finite score", "score every design of the space")
    demand(np.array_equal(first, again), "the oracle scores the same designs differently", "fix what is random in it")
    _demand_single(task.oracle, x, first)
    if task.info.oracle == "table":
        same = np.array_equal(first, task.y[: len(x)])
        demand(same, "the table of the oracle holds other scores than y", "look the same numbers up in both")


def _demand_single(oracle: Oracle, x: NDArray[Any], scores: NDArray[Any]) -> None:
    alone = np.asarray(oracle.score(x[:1].copy()))
    same = alone.shape == (1,) and np.isclose(alone[0], scores[0], rtol=1e-6)
    demand(same, f"a design scores {alone} alone and {scores[0]} among others", "score each design by itself")
