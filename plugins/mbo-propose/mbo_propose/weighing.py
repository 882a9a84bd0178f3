"""How much a Gaussian process has to say in the default recipe, beside trees and main effects."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mbo_core.recipes.values import AnyRecipe
from mbo_core.tasks.task import Task
from mbo_propose.backtest.candidates import CANDIDATES, PROCESS, TREES, committee
from mbo_propose.crossing import HeldOut, held_out
from mbo_propose.models import judge_of, of_rows, trained_on

Values = NDArray[np.float64]


class Weighed(NamedTuple):
    """The default recipe with the weight of its Gaussian process, and the reason in words."""

    recipe: AnyRecipe
    weight: float
    reason: str


def weighed(task: Task, seconds: float, seed: int = 0) -> Weighed:
    """Weigh the members by how well they predict rows that they were not trained on (stacking, Wolpert 1992).

    Args:
        task: the table.
        seconds: after which no further fold is begun; at least one is.
        seed: of the folds and of the proxies.
    """
    rows = of_rows(task, trained_on(task, seed))
    process, trees = (_held_out(name, rows, seed, seconds / 2) for name in (PROCESS, TREES))
    both = np.intersect1d(process.rows, trees.rows)
    one, other = (known.predicted[np.isin(known.rows, both)] for known in (process, trees))
    observed = task.as_given(rows.y[both])
    share = weight(observed, one, other)
    alone, beside = (float(np.sqrt(np.mean((said - observed) ** 2))) for said in (one, other))
    errors = f"{alone:.3g} by it alone, {beside:.3g} by trees and main effects"
    reason = f"its Gaussian process has the weight {share:.2f}, as held-out rows say (errors: {errors})"
    return Weighed(committee(share), share, reason)


def weight(observed: Values, one: Values, other: Values) -> float:
    """The share from 0 to 1 of `one` in the mean of two predictions (n,) whose squared error is least.

    >>> weight(np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([2.0, 2.0]))
    1.0
    """
    apart = one - other
    square = float(apart @ apart)
    return 0.5 if square == 0 else float(np.clip((observed - other) @ apart / square, 0.0, 1.0))


def _held_out(name: str, task: Task, seed: int, seconds: float) -> HeldOut:
    recipe: Any = CANDIDATES[name].recipe
    return held_out(judge_of(recipe, task), task, seed=seed, seconds=seconds)
