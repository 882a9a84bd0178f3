"""The proxy of a recipe: trained with the search on all rows, and on parts of them to be judged on the others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mbo_core as mbo
from mbo_core.plugins.registry import installed
from mbo_core.recipes.layers import lineage
from mbo_core.recipes.values import opened
from mbo_core.runs.execute import execute
from mbo_core.runs.opening import Asked
from mbo_core.runs.planning import Plan, plan
from mbo_core.runs.prediction import Predicted
from mbo_core.runs.result import Result
from mbo_core.runs.watch import Report
from mbo_core.stages.options import options
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.task import Task
from mbo_propose.backtest import CANDIDATES, DEFAULT
from mbo_propose.reading import read

PRESET = "table"
POOL = 128
"""Designs that a search hands over, of which the proposals are chosen."""
MOST_ROWS = 5000
"""Rows that a proxy is trained on; a tenth of them are the best of a larger table, the others random."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A trained recipe.

    Attributes:
        task: what it was trained on.
        result: the run, with its candidates.
        judge: what predicts scores: the same run, or that of the default recipe if the recipe only ranks.
    """

    task: Task
    result: Result
    judge: Result

    def predict(self, x: NDArray[Any]) -> Predicted:
        """Predicted scores of designs (n, length), as people have them."""
        return self.judge.predict(x)

    @property
    def found(self) -> NDArray[Any]:
        """(n, length) the designs that the search found, of all seeds."""
        parts = list(self.result.designs)
        return np.concatenate(parts) if parts else self.task.x[:0]


def planned(recipe: Any, task: Task, seeds: Sequence[int], start: Any = None) -> Plan:
    """A recipe on a task, with its preset for tables and a search that hands over many designs."""
    document, registry = opened(recipe, installed())
    preset = PRESET if PRESET in lineage(document, registry).presets else None
    asked = Asked(start=start_of(start, task))
    first = plan(recipe, task, seeds, preset, asked=asked)
    if "candidates" not in options(type(first.recipe.update)):
        return first
    return plan(recipe, task, seeds, preset, [f"update.candidates={POOL}"], asked=asked)


def start_of(given: Any, task: Task) -> Any:
    """The inputs of designs to start from; a file is read as a table is, in any dialect.

    Raises:
        TableError: for a file that cannot be read.
    """
    free = [one.name for one in task.space.columns if not isinstance(one, Fixed)]
    if not isinstance(given, (str, os.PathLike)) or len(free) == 1:
        return given  # a table of one column has no dialect
    frame = read(given).frame
    return frame[[name for name in frame.columns if name in task.space.names]]


def fit(
    recipe: Any,
    task: Task,
    seeds: Sequence[int],
    start: Any = None,
    out: Path | None = None,
    report: Report | None = None,
) -> Fitted:
    """Train a recipe and search with it.

    Args:
        recipe: a method, a file or a recipe.
        task: the table.
        seeds: one or more.
        start: designs to search from.
        out: the folder of the run.
        report: called at each step.

    Raises:
        MboError: for a recipe that does not fit the table, or whose every seed failed.
    """
    ready = planned(recipe, task, seeds, start)
    result = execute(ready, out, "cpu", report)
    if not result.trials:
        raise mbo.MboError(f"recipe {ready.recipe.name} failed: {next(iter(result.failed.values()))}", "try another")
    if "values" in ready.recipe.proxy.abilities:
        return Fitted(task, result, result)
    return Fitted(task, result, proxies(judge_of(recipe, task), task, seeds))


def judge_of(recipe: Any, task: Task) -> mbo.Recipe:
    """The resolved recipe itself if its proxy predicts scores, else the default one."""
    asked = planned(recipe, task, [0]).asked
    return asked if "values" in asked.proxy.abilities else planned(CANDIDATES[DEFAULT].recipe, task, [0]).asked


def proxies(recipe: mbo.Recipe, task: Task, seeds: Sequence[int]) -> Result:
    """The trained proxies of a recipe, without its search."""
    alone = mbo.Recipe(encoding=recipe.encoding, adversary=recipe.adversary, proxy=recipe.proxy, name=recipe.name)
    return mbo.run(alone, task, seeds=seeds)


def on(task: Task, x: NDArray[Any], y: Values, weights: Values | None = None) -> Task:
    """A task of other rows in the same space; `y` (n,) with the program's sign."""
    made = Task(
        task.name,
        x,
        task.as_given(y),
        weights=weights,
        space=task.space,
        minimize=task.sign < 0,
        replicates="keep",
    )
    made.target = task.target
    return made


def of_rows(task: Task, rows: NDArray[np.int64]) -> Task:
    """A task of some of the rows."""
    made = on(task, task.x[rows], task.y[rows], task.table.weights[rows])
    if task.table.replicates is not None:
        known = replace(task.table.replicates, counts=task.table.replicates.counts[rows])
        made.table = replace(made.table, replicates=known)
    return made


def trained_on(task: Task, seed: int) -> NDArray[np.int64]:
    """The rows that are trained on: all, or of a large table the best and a random part of the others."""
    rows = len(task.y)
    if rows <= MOST_ROWS:
        return np.arange(rows)
    order = np.argsort(-task.y, kind="stable")
    best, others = order[: MOST_ROWS // 10], order[MOST_ROWS // 10 :]
    drawn = np.random.default_rng([seed, 6]).permutation(others)[: MOST_ROWS - len(best)]
    return np.sort(np.concatenate([best, drawn]))
