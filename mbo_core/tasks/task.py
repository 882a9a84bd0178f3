"""Tasks: a fixed set of tried designs with their scores, their design space and, for benchmarks, an oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbo_core.errors import MboError, TaskError
from mbo_core.tasks.oracles import Oracle, Score, as_oracle
from mbo_core.tasks.space import Cells, Kind, Space

OracleKind = Literal["table", "formula", "simulator", "learned", "none"]
MOST_TOKENS = 256
"""Without a space, larger whole numbers are refused, as they are probably amounts and not tokens."""


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

    Args:
        name: how people call it.
        x: (N, d) real numbers or (N, L) whole tokens: the visible designs.
        y: (N,) their scores, larger is better.
        space: the design space; by default inferred from `x`: whole numbers are tokens, real numbers amounts.
        oracle: the true objective: a function from raw designs (n, length) to scores (n,), or an object whose `score`
            is one; None for a table of experiments.
        y_min: the raw score that normalises to 0; by default the smallest visible.
        y_max: the raw score that normalises to 1; by default the largest visible.
        info: information for people.
        cells: writes a design as the cells of a table, if `space.cells` is not readable; e.g. the SMILES of a
            molecule.

    Raises:
        TaskError: for empty, misshapen, non-finite or out-of-range data, or an oracle that cannot be called.
    """

    def __init__(
        self,
        name: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        space: Space | None = None,
        oracle: Oracle | Score | None = None,
        y_min: float | None = None,
        y_max: float | None = None,
        info: TaskInfo | None = None,
        cells: Callable[[NDArray[Any]], Cells] | None = None,
    ) -> None:
        self.name = name
        self.x = _designs(name, x)
        self.y = _scores(name, y, len(self.x))
        self.space = space or _space(name, self.x)
        if self.space.kind == "continuous":
            self.x = self.x.astype(np.float64)
        self.oracle = as_oracle(oracle, name)
        self.y_min = float(self.y.min()) if y_min is None else y_min
        self.y_max = float(self.y.max()) if y_max is None else y_max
        self.info = info or TaskInfo("a table of past experiments")
        self.cells = cells or self.space.cells
        self.check(self.x)
        _measurable(name, "design", self.x)
        _measurable(name, "score", self.y[:, None])
        if not self.y_min <= self.y_max:
            raise TaskError(f"{name}: y_min={self.y_min} is not below y_max={self.y_max}", "give y_min <= y_max")
        self.x.setflags(write=False)
        self.y.setflags(write=False)

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

    def check(self, designs: NDArray[Any]) -> None:
        """Refuse designs of the wrong shape, non-finite values, or tokens out of range.

        Raises:
            TaskError: with the first offending row.
        """
        if designs.ndim != 2 or designs.shape[1] != self.space.length:
            raise TaskError(f"{self.name}: designs have shape {designs.shape}, not (n, {self.space.length})")
        if self.space.kind == "continuous":
            _finite(self.name, "design", designs)
        else:
            _tokens(self.name, designs, self.space.classes or 0)


@dataclass(frozen=True)
class TaskOffer:
    """A task that a plugin offers: cheap to list, loaded for a run.

    Attributes:
        name: how people call it, e.g. `TFBind8-Exact-v0`.
        kind: continuous or discrete.
        info: information for people, known before loading.
        load: makes the task; raises `TaskError` with a hint where data or an extra is missing.
        missing: returns one line on what is missing and how to get it, or None when ready.
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
        except MboError as error:
            return error.message
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def _array(name: str, what: str, values: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise TaskError(f"{name}: {what} is not a table of numbers: {error}", "give rows of equal length") from error


def _designs(name: str, x: ArrayLike) -> NDArray[Any]:
    designs = _array(name, "x", x)
    if designs.ndim != 2 or designs.size == 0:
        raise TaskError(f"{name}: x has shape {designs.shape}", "give one design per row: (N, d)")
    if designs.dtype.kind in "iu":
        return designs.astype(np.int64)
    if designs.dtype.kind != "f":
        raise TaskError(f"{name}: x has dtype {designs.dtype}", "give real numbers, or whole numbers as tokens")
    return designs


def _scores(name: str, y: ArrayLike, rows: int) -> NDArray[np.float64]:
    scores = _array(name, "y", y)
    if scores.dtype.kind not in "iuf":
        raise TaskError(f"{name}: y has dtype {scores.dtype}", "give one real score per design")
    if scores.shape not in {(rows,), (rows, 1)}:
        raise TaskError(f"{name}: y has shape {scores.shape} for {rows} designs", "give one score per design")
    scores = scores.reshape(rows).astype(np.float64)
    _finite(name, "score", scores)
    return scores


def _finite(name: str, what: str, values: NDArray[Any]) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row = int(bad[0][0])
        raise TaskError(
            f"{name}: {what} {row} is {values[tuple(bad[0])]} ({len(bad)} such values)",
            "remove rows without a finite value",
        )


def _measurable(name: str, what: str, values: NDArray[Any]) -> None:
    """Refuse columns whose standard deviation overflows or vanishes in float64, as their squares do."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        spread = values.astype(np.float64).std(axis=0)
    lost = ~np.isfinite(spread) | ((spread == 0) & (values.max(axis=0) != values.min(axis=0)))
    if lost.any():
        largest = np.abs(values[:, lost]).max()
        raise TaskError(f"{name}: {what}s of size {largest:g} overflow or vanish when squared", "change the unit")


def _tokens(name: str, designs: NDArray[Any], classes: int) -> None:
    if designs.dtype.kind not in "iu":
        raise TaskError(f"{name}: designs have dtype {designs.dtype}", "discrete designs are whole tokens")
    bad = np.argwhere((designs < 0) | (designs >= classes))
    if len(bad):
        row = int(bad[0][0])
        raise TaskError(
            f"{name}: token {designs[tuple(bad[0])]} in design {row} is out of range: the space has {classes} tokens",
            "tokens start at 0; for continuous designs give real numbers (1.0, not 1)",
        )


def _space(name: str, designs: NDArray[Any]) -> Space:
    if designs.dtype.kind == "i":
        classes = int(designs.max()) + 1
        if classes > MOST_TOKENS:
            fact = f"{name}: whole numbers up to {classes - 1} would mean {classes} tokens"
            raise TaskError(fact, "give amounts as real numbers (x.astype(float)), or give the mbo.Space of the tokens")
        return Space("discrete", designs.shape[1], classes)
    return Space("continuous", designs.shape[1])
