"""Tasks: a fixed set of tried designs with their scores, their design space and, for benchmarks, an oracle."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbo_core.errors import TaskError, nearest, reason_of
from mbo_core.tasks.oracles import Oracle, Score, as_oracle
from mbo_core.tasks.space import Cells, Kind, Space
from mbo_core.tasks.table import Table

REPLICATES = ("merge", "keep")
"""What may be done with rows of one design."""

OracleKind = Literal["table", "formula", "simulator", "learned", "none"]


@dataclass(frozen=True)
class TaskInfo:
    """Information on a task for people; a run does not need it.

    Attributes:
        summary: one line.
        source: where the data come from.
        licence: the licence of the data.
        citation: what to cite.
        oracle: the kind of oracle.
        comparable: with which published numbers its scores may be compared and, if with none, why not.
        notes: facts of this instance, e.g. the held-out rank correlation of a learned oracle.
    """

    summary: str
    source: str = ""
    licence: str = ""
    citation: str = ""
    oracle: OracleKind = "none"
    comparable: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


class Task:
    """A dataset, its design space and, for benchmarks, an oracle. Its arrays are read-only.

    Methods are only given its `table`; the task with its oracle is for evaluation.

    Args:
        name: how people call it.
        x: (N, d) real numbers or (N, L) whole tokens: the visible designs.
        y: (N,) their scores, larger is better.
        w: (N,) importance weights of the rows, by default ones; proxies that train in batches honour them.
        space: the design space; by default inferred from `x`: whole numbers are tokens, real numbers amounts.
        oracle: the true objective: a function from raw designs (n, length) to scores (n,), or an object whose `score`
            is one; None for a table of experiments.
        y_min: the raw score that normalises to 0; by default the smallest visible.
        y_max: the raw score that normalises to 1; by default the largest visible.
        info: information for people.
        cells: writes a design as the cells of a table, if `space.cells` is not readable; e.g. the SMILES of a
            molecule.
        replicates: `merge` rows of one design into one with their mean score, weighted by their number, or `keep` them
            as they are, e.g. as in a benchmark's published data.

    Raises:
        TaskError: for empty, misshapen, non-finite or out-of-range data, or an oracle that cannot be called.
    """

    def __init__(
        self,
        name: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        w: ArrayLike | None = None,
        space: Space | None = None,
        oracle: Oracle | Score | None = None,
        y_min: float | None = None,
        y_max: float | None = None,
        info: TaskInfo | None = None,
        cells: Callable[[NDArray[Any]], Cells] | None = None,
        replicates: Literal["merge", "keep"] = "merge",
    ) -> None:
        if replicates not in REPLICATES:
            raise TaskError(f'{name}: replicates is "{replicates}"', nearest(str(replicates), REPLICATES))
        table = Table.of(name, x, y, space, w)
        self.table = table.merged() if replicates == "merge" else table
        self.oracle = as_oracle(oracle, name)
        self.y_min = float(self.y.min()) if y_min is None else y_min
        self.y_max = float(self.y.max()) if y_max is None else y_max
        self.info = info or TaskInfo("a table of past experiments")
        self.cells = cells or self.space.cells
        if not self.y_min <= self.y_max:
            raise TaskError(f"{name}: y_min={self.y_min} exceeds y_max={self.y_max}", "swap them")

    @property
    def name(self) -> str:
        """How people call it."""
        return self.table.name

    @property
    def x(self) -> NDArray[Any]:
        """(N, d) float64 or (N, L) int64 visible designs."""
        return self.table.x

    @property
    def y(self) -> NDArray[np.float64]:
        """(N,) float64 visible scores."""
        return self.table.y

    @property
    def space(self) -> Space:
        """The space of the designs."""
        return self.table.space

    def __repr__(self) -> str:
        rows, length = self.x.shape
        return f"Task({self.name!r}, {self.kind}, {rows} x {length})"

    @property
    def kind(self) -> Kind:
        """Continuous or discrete."""
        return self.space.kind

    @property
    def best_in_data(self) -> float:
        """The largest visible raw score."""
        return float(self.y.max())

    def normalise(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw scores to `(raw - y_min) / (y_max - y_min)`; nothing is clipped."""
        width = self.y_max - self.y_min
        return (raw - self.y_min) / (width if width > 0 else 1.0)


@dataclass(frozen=True)
class TaskOffer:
    """A task that a plugin offers: cheap to list, loaded for a run.

    Attributes:
        name: how people call it, e.g. `TFBind8-Exact-v0`.
        kind: continuous or discrete.
        info: information for people, known before loading.
        load: makes the task; raises `TaskError` with a hint where data or an extra is missing.
        missing: None when ready; else one line, `what is missing: the command that gets it`, joined by `; ` for more.
    """

    name: str
    kind: Kind
    info: TaskInfo
    load: Callable[[], Task]
    missing: Callable[[], str | None] = lambda: None

    def unready(self) -> str | None:
        """One line on what is missing, or on the error of that check; None when ready."""
        try:
            return self.missing()
        except Exception as error:
            return reason_of(error)

    def status(self) -> str:
        """`ready`, or the one command that makes it ready or, if it takes several, that explains them."""
        line = self.unready()
        if line is None:
            return "ready"
        command = _COMMAND.search(line)
        return command[1] if command and "; " not in line else f"mbo show {self.name}"


_COMMAND = re.compile(r": ((?:mbo|pip|python|conda|uv) .+)$")
