"""Checks of tasks: their information, data and oracle."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import MboError
from mbo_core.tasks.oracles import MeasuredOracle, Oracle
from mbo_core.tasks.task import OracleKind
from mbo_core.testing.case import Fault, Inapplicable, demand
from mbo_core.testing.subjects import OfferedTask

ROWS = 16
"""Number of designs scored by the oracle; simulators are slow."""


def task_info(offered: OfferedTask) -> None:
    """The task states source, licence, citation and comparability of its scores."""
    info = offered.offer.info
    silent = [name for name in ("summary", "source", "licence", "comparable") if not getattr(info, name)]
    if not info.citation and info.oracle != "formula":
        silent.append("citation")
    demand(not silent, f"the task does not state its {', '.join(silent)}", "give them in TaskInfo")
    known = get_args(OracleKind)
    demand(info.oracle in known, f'unknown kind of oracle "{info.oracle}"', f"known: {', '.join(known)}")


def task_loads(offered: OfferedTask) -> None:
    """The task loads, matches its offer, and has different scores; if not ready, it refuses to load."""
    if offered.offer.unready() is not None:
        _demand_refusal(offered)
    task = offered.task
    said, found = (offered.offer.name, offered.offer.kind), (task.name, task.kind)
    demand(said == found, f"the offer is {said}, but the task is {found}", "give both the same name and kind")
    same = offered.offer.info.notes.items() <= task.info.notes.items() and offered.offer.info.oracle == task.info.oracle
    demand(same, "the info of the loaded task differs from its offer", "only add notes")
    finite = np.isfinite([task.y_min, task.y_max]).all() and task.y_min < task.y_max
    demand(finite, f"scores normalise from {task.y_min} to {task.y_max}", "give a finite y_min below y_max")
    demand(
        (task.oracle is None) == (task.info.oracle == "none"), "the oracle is not of the declared kind", "see TaskInfo"
    )


def _demand_refusal(offered: OfferedTask) -> None:
    reason = offered.offer.unready()
    try:
        offered.offer.loaded()
    except MboError as error:
        demand(error.hint, f"no hint with: {error.message}", "add a hint on how to get the task ready")
        raise Inapplicable(f"not ready here: {reason}") from error
    raise Fault(f"missing() reports {reason}, but the task loads", "make missing() and load() agree")


def oracle(offered: OfferedTask) -> None:
    """The oracle is deterministic, returns (n,) scores, changes no design, and agrees with a table."""
    task = offered.task
    if task.oracle is None:
        raise Inapplicable("the task has no oracle")
    x = task.x[:ROWS].copy()
    first, again = (np.asarray(task.oracle.score(x)) for _ in range(2))
    demand(np.array_equal(x, task.x[:ROWS]), "the oracle changes its inputs", "copy the designs")
    demand(first.shape == (len(x),), f"scores of {len(x)} designs have shape {first.shape}", "return shape (n,)")
    demand(np.isfinite(first).all(), "a visible design has no finite score", "score every design of the space")
    demand(np.array_equal(first, again), "the oracle scores the same designs differently", "remove its randomness")
    _demand_single(task.oracle, x, first)
    if task.info.oracle == "table" and not isinstance(task.oracle, MeasuredOracle):
        same = np.array_equal(first, task.y[: len(x)])
        demand(same, "the oracle's table disagrees with y", "use the same numbers in both")


def _demand_single(oracle: Oracle, x: NDArray[Any], scores: NDArray[Any]) -> None:
    alone = np.asarray(oracle.score(x[:1].copy()))
    same = alone.shape == (1,) and np.isclose(alone[0], scores[0], rtol=1e-6)
    demand(same, f"a design scores {alone} alone and {scores[0]} with others", "score each design by itself")
