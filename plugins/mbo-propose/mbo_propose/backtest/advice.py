"""What would help a table most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mbo_core as mbo
from mbo_core.tasks.columns import Category, Column
from mbo_core.tasks.fixed import Fixed

SHOWN = 3
"""The most levels, columns or rows that a sentence names."""
FEW = 40
"""Fewer distinct designs than that allow no backtest."""


def advice(task: mbo.Task, error: float | None, predicted_gain: float | None = None) -> tuple[str, ...]:
    """Sentences on what to measure next.

    Args:
        task: the table.
        error: of a single prediction on rows left out, in the target's unit, where it is known.
        predicted_gain: of the proposals over the best tried design, where there are any.
    """
    found = (_replicate(task, error, predicted_gain), _levels(task), _unmoved(task), _more(task))
    return tuple(one for one in found if one)


def _replicate(task: mbo.Task, error: float | None, predicted_gain: float | None) -> str | None:
    """Replicate the best rows, where their order is noise."""
    best = np.argsort(-task.y, kind="stable")[:SHOWN]
    replicates = task.table.replicates
    noise = error if replicates is None else replicates.pooled_std
    if noise is None or len(best) < SHOWN:
        return None
    gain = float(task.y[best[0]] - task.y[best[-1]]) if predicted_gain is None else predicted_gain
    if noise <= gain:
        return None
    source = "error of predictions" if replicates is None else "standard deviation of replicates"
    what = "they differ by" if predicted_gain is None else "the predicted gain is"
    scores = ", ".join(f"{one:.4g}" for one in task.as_given(task.y[best]))
    start = f"replicate the {SHOWN} best designs ({scores}): "
    if predicted_gain is not None and gain <= 0:
        return f"{start}no proposal is predicted to be better, and the {source} is {noise:.3g}"
    return f"{start}{what} {gain:.3g}, less than the {source}, {noise:.3g}"


def _levels(task: mbo.Task) -> str | None:
    """Fill the levels that were tried at most once."""
    rare = [(column.name, levels) for column, levels in _rare_levels(task) if levels]
    if not rare:
        return None
    name, levels = max(rare, key=lambda one: len(one[1]))
    return f"measure again where a level of {name} was tried at most once: {_listed(levels)}"


def _rare_levels(task: mbo.Task) -> Iterator[tuple[Column, list[str]]]:
    for column, part in task.space.parts(task.x):
        if isinstance(column, Category):
            counts = np.bincount(part[:, 0].astype(int), minlength=len(column.levels))[: len(column.levels)]
            yield column, [str(level) for level, count in zip(column.levels, counts, strict=True) if count <= 1]


def _unmoved(task: mbo.Task) -> str | None:
    """Vary the columns that have one value in all rows."""
    names = [column.name for column, part in task.space.parts(task.x) if _constant(part)]
    if not names:
        return None
    held = any(isinstance(column, Fixed) for column in task.space.columns if column.name in names)
    also = ", and free it in the space" if held else ""
    return f"vary what never moved, if you can{also}: {_listed(names)}"


def _constant(part: NDArray[Any]) -> bool:
    return bool((part == part[:1]).all())


def _more(task: mbo.Task) -> str | None:
    if task.table.designs >= FEW:
        return None
    return f"measure {FEW - task.table.designs} more designs: with {FEW}, recipes can be tried on hidden rows"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
