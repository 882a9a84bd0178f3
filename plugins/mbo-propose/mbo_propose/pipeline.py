"""From a table to proposals."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mbo_core as mbo
from mbo_core.tasks.task import Task
from mbo_propose.record import Proposal, Proposals
from mbo_propose.wishes import Wishes

if TYPE_CHECKING:
    from pandas import DataFrame

DEFAULT = "committee-evolution"
"""The recipe that `auto` keeps unless there is clear evidence for another."""


def propose(table: Any, *, target: str, **wishes: Any) -> DataFrame:
    """A frame of proposals, best first; see `propose_from` for the arguments.

    >>> import numpy as np, pandas as pd
    >>> heat = 20 + np.random.default_rng(0).permutation(60)[:30]
    >>> tried = pd.DataFrame({"heat": heat, "yield": 90 - (heat - 63.0) ** 2 / 30})
    >>> list(propose(tried, target="yield", batch=2).columns)[:2]
    ['heat', 'predicted']
    """
    return propose_from(table, Wishes(target=target, **wishes)).frame()


def propose_from(table: Any, wishes: Wishes) -> Proposals:
    """Proposals with all that is known of them.

    Args:
        table: a DataFrame, a mapping of columns, or a file.
        wishes: what is asked for.

    Raises:
        MboError: for a table or a wish that cannot be used.
    """
    start = time.perf_counter()
    task = open_table(table, wishes)
    recipe = DEFAULT if wishes.recipe == "auto" else wishes.recipe
    found = mbo.run(recipe, task, seeds=[wishes.seed], preset="table", hold=dict(wishes.fix), start=wishes.start)
    raw = found.designs[0][: wishes.batch]
    predicted = found.predict(raw)
    order = np.argsort(-task.sign * predicted.mean, kind="stable")
    made = [Proposal(task.cells(raw[row]), float(predicted.mean[row]), float(predicted.std[row])) for row in order]
    return Proposals(found.task, found.recipe.name, wishes.batch, made, list(task.notes), time.perf_counter() - start)


def open_table(table: Any, wishes: Wishes) -> Task:
    """The task that a table and wishes make."""
    if isinstance(table, (str, Path)):
        return mbo.read_table(
            table, target=wishes.target, minimize=wishes.minimize, space=wishes.space, ignore=wishes.ignore
        )
    return Task("table", table, target=wishes.target, minimize=wishes.minimize, space=wishes.space)
