"""Tasks: a fixed set of tried designs with their scores, their design space and, for benchmarks, an oracle."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbo_core.errors import TaskError, nearest, reason_of
from mbo_core.foreign import foreign, guarded
from mbo_core.tasks.columns import Cells
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.frames import GivenSpace, take
from mbo_core.tasks.oracles import Oracle, Score, as_oracle, turned
from mbo_core.tasks.remarks import remarks, turn
from mbo_core.tasks.source import Source
from mbo_core.tasks.space import Kind, Space
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

    Methods are only given its `table`; the task with its oracle is for evaluation. Inside, larger scores are better:
    those to be minimised are turned here, once.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"heat": [20, 60, 40], "gas": ["N2", "air", "N2"], "waste": [3.0, 1.0, 2.5]})
    >>> task = Task("oven", frame, target="waste", minimize=True)
    >>> task.y.tolist(), task.best_in_data
    ([-3.0, -1.0, -2.5], 1.0)
    >>> print(*task.notes, sep=chr(10))
    heat: whole amounts from 20 to 60 in steps of 20
    gas: category of 2 levels: N2, air

    Args:
        name: how people call it.
        x: the visible designs: with `target` a DataFrame (or a mapping of columns) that holds all, and whose space is
            inferred; else what `y` scores: (N, d) numbers, words, letters, tokens, or a DataFrame of inputs. Real
            numbers then are amounts without bounds, whole numbers amounts within the range of the data.
        y: (N,) their scores.
        target: the column of the scores, instead of `y`.
        minimize: whether smaller scores are better.
        weights: (N,) importance weights of the rows, or their column; by default ones. Proxies that train in batches
            honour them.
        space: the design space, or a file (`space.toml`) that corrects the inferred one.
        oracle: the true objective: a function from raw designs (n, length) to scores (n,), or an object whose `score`
            is one; None for a table of experiments. It scores as people do, smaller is better with `minimize`.
        y_min: the smaller of the two scores that normalise to 0 and 1; by default the smallest visible.
        y_max: the larger one; by default the largest visible. With `minimize` it normalises to 0, else to 1.
        info: information for people.
        cells: writes a design as the cells of a table, if `space.cells` is not readable; e.g. the SMILES of a
            molecule.
        replicates: `merge` rows of one design into one with their mean score, weighted by their number, or `keep` them
            as they are, e.g. as in a benchmark's published data.

    Attributes:
        table: what methods are given.
        target: what people call the scores.
        sign: -1 if scores were turned, else 1.
        notes: what was decided about the data, a line each.
        source: the file that it was read from (`read_table`), or None.
        y_min: the score inside the program that normalises to 0.
        y_max: the score inside the program that normalises to 1.

    Raises:
        TaskError: for empty, misshapen, non-finite, missing or out-of-range data, or an oracle that cannot be called.
    """

    def __init__(
        self,
        name: str,
        x: Any,
        y: Any = None,
        *,
        target: str | None = None,
        minimize: bool = False,
        weights: ArrayLike | str | None = None,
        space: GivenSpace = None,
        oracle: Oracle | Score | None = None,
        y_min: float | None = None,
        y_max: float | None = None,
        info: TaskInfo | None = None,
        cells: Callable[[NDArray[Any]], Cells] | None = None,
        replicates: Literal["merge", "keep"] = "merge",
    ) -> None:
        if replicates not in REPLICATES:
            raise TaskError(f'{name}: replicates is "{replicates}"', nearest(str(replicates), REPLICATES))
        brought = take(name, x, y, target, weights, space)
        self.sign = -1 if minimize else 1
        self.target = brought.target
        table = Table.of(name, brought.x, turn(brought.y, self.sign), brought.space, brought.weights)
        self.table = table.merged() if replicates == "merge" else table
        self.oracle = as_oracle(oracle, name) if self.sign > 0 else turned(as_oracle(oracle, name))
        self.y_min, self.y_max = self._ends(y_min, y_max)
        self.info = info or TaskInfo("a table of past experiments")
        self.cells = self.space.cells if cells is None else guarded(cells, f"`cells` of task {name}")
        self.source: Source | None = None
        self.notes = [*brought.notes, *remarks(self.table, self.target, self.sign, self.inside)]

    def held(self, values: Mapping[str, Any]) -> Task:
        """The same task whose proposals keep columns at values; rows with other values are trained on.

        Raises:
            TaskError: for an unknown column, a value that it does not have, or no column left to search.
        """
        made = copy(self)
        space = self.space.hold(values)
        if all(isinstance(column, Fixed) for column in space.columns):
            raise TaskError("all columns are held at a value", "leave one free to search")
        made.table = replace(self.table, space=space)
        before = remarks(self.table, self.target, self.sign, self.inside)
        vars(made).pop("inside", None)
        held = [
            f"{one.name}: held at {one.value}" for one in space.columns if isinstance(one, Fixed) and one.name in values
        ]
        after = remarks(made.table, self.target, self.sign, made.inside)
        made.notes = [*(note for note in self.notes if note not in before), *held, *after]
        return made

    def _ends(self, y_min: float | None, y_max: float | None) -> tuple[float, float]:
        """The scores that normalise to 0 and 1, from those that people gave."""
        low, high = (y_min, y_max) if self.sign > 0 else (y_max, y_min)
        lower = float(self.y.min()) if low is None else self.sign * low
        upper = float(self.y.max()) if high is None else self.sign * high
        if not lower <= upper:
            ends = f"y_min={lower} exceeds y_max={upper}" if self.sign > 0 else f"y_min={-upper} exceeds y_max={-lower}"
            raise TaskError(f"{self.name}: {ends}", "swap them")
        return lower, upper

    @property
    def name(self) -> str:
        """How people call it."""
        return self.table.name

    @property
    def x(self) -> NDArray[Any]:
        """(N, length) float64, or int64 of a single sequence: visible designs."""
        return self.table.x

    @property
    def y(self) -> NDArray[np.float64]:
        """(N,) float64 visible scores, larger is better."""
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
        """Continuous, discrete or mixed."""
        return self.space.kind

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """(N,) which visible designs lie in the space; the others are trained on, but never proposed."""
        return np.ones(len(self.x), dtype=bool) if self.space.plain else self.space.contains(self.x)

    @property
    def best_in_data(self) -> float:
        """The best visible score, as people have it."""
        return self.sign * float(self.y.max()) + 0.0  # no negative zero

    def as_given(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of the program as people have them: turned back if they are minimised."""
        return turn(scores, self.sign)

    def normalise(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw scores, larger is better, to `(raw - y_min) / (y_max - y_min)`; nothing is clipped."""
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
            with foreign(f"`missing` of task {self.name}"):
                line = self.missing()
            return None if line is None else str(line)
        except Exception as error:
            return reason_of(error)

    def loaded(self) -> Task:
        """The task.

        Raises:
            TaskError: with a hint where data or an extra is missing, or if it is not a task.
            Exception: whatever `load` raises.
        """
        with foreign(f"`load` of task {self.name}"):
            task: Any = self.load()
        if not isinstance(task, Task):
            raise TaskError(f"`load` of task {self.name} gives {type(task).__name__}, not a Task", "fix its plugin")
        return task

    def status(self) -> str:
        """`ready`, or the one command that makes it ready or, if it takes several, that explains them."""
        line = self.unready()
        if line is None:
            return "ready"
        command = _COMMAND.search(line)
        return command[1] if command and "; " not in line else f"mbo show {self.name}"


_COMMAND = re.compile(r": ((?:mbo|pip|python|conda|uv) .+)$")
