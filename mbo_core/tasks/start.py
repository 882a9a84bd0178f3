"""Designs of a person's own that a search starts from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.cells import columns_of, is_frame
from mbo_core.tasks.files import read_designs
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.frames import designs_in
from mbo_core.tasks.replicates import numbered
from mbo_core.tasks.space import OWN_COLUMNS
from mbo_core.tasks.task import Task

NAME = "start designs"
"""How messages call them."""


@dataclass(frozen=True, eq=False)
class Start:
    """Designs to search from.

    Attributes:
        x: (m, length) raw designs, distinct and in the space.
        notes: what was done to them, a line each.
    """

    x: NDArray[Any]
    notes: tuple[str, ...]


def start_designs(given: Any, task: Task) -> Start:
    """The designs in a CSV file, a frame, an array, or a list of sequences.

    Columns that are held may be missing. Those outside the space are moved to the nearest design inside.

    Raises:
        TaskError: for an unreadable file, a missing column, or a cell that a column cannot mean.
    """
    if isinstance(given, (str, os.PathLike)):
        given = read_designs(Path(given))
    found = designs_in(NAME, _columns(given, task) if is_frame(given) else given, task.space)
    if not len(found.x):
        raise TaskError(f"{NAME}: there are none", "give at least one, or leave start out")
    notes = list(found.notes)
    x = found.x
    if not task.space.plain:
        outside = int((~task.space.contains(x)).sum())
        x = task.space.repair(x)
        if outside:
            notes.append(f"{outside} of {len(x)} start designs lay outside the space and were moved into it")
    first = np.unique(numbered(x), return_index=True)[1]
    if len(first) < len(x):
        notes.append(f"{len(x) - len(first)} of {len(x)} start designs repeat another")
    return Start(x[first], tuple(notes))


def _columns(frame: Any, task: Task) -> dict[str, Any]:
    """The columns of a frame, with those that are held, without those of scores."""
    columns = columns_of(frame, NAME)
    rows, own = len(next(iter(columns.values()))), {*OWN_COLUMNS, task.target} - set(task.space.names)
    kept = {name: cells for name, cells in columns.items() if name not in own}
    held = {one.name: [one.value] * rows for one in task.space.columns if isinstance(one, Fixed)}
    return {**{name: value for name, value in held.items() if name not in kept}, **kept}
