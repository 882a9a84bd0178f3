"""Tasks: a fixed set of tried designs with their scores, their design space and, for benchmarks, an oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbo_core.errors import MboError, TaskError, nearest

Kind = Literal["continuous", "discrete"]
OracleKind = Literal["table", "formula", "simulator", "learned", "none"]
OWN_COLUMNS = ("seed", "in_data", "raw", "normalised", "predicted", "fault", "oracle_std")
"""What tables of designs tell beside each design, in columns of these names."""
MOST_TOKENS = 256
"""Whole numbers beyond are taken for amounts and not for tokens, where no space is given."""
Cells = dict[str, str | float | int]
"""A design as people read it: cells of a table, by column."""


class Oracle(Protocol):
    """The true objective, or a model that stands for it. Only evaluation may call it."""

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """Score raw designs, float64 (n, d) or int64 (n, L): (n,) raw scores, larger is better."""


@dataclass(frozen=True)
class Verdict:
    """What an oracle says that cannot score every design.

    Attributes:
        scores: (n,) raw scores; a design that could not be scored has the lowest of the task.
        faults: why, by the row of each such design.
    """

    scores: NDArray[np.float64]
    faults: Mapping[int, str]


@runtime_checkable
class FallibleOracle(Oracle, Protocol):
    """An oracle that cannot score every design, such as a simulator, and that says why."""

    def judge(self, designs: NDArray[Any]) -> Verdict:
        """The same scores as `score`, with the reason for each that stands for no measurement."""


@dataclass(frozen=True)
class OracleSet:
    """Oracles that might each stand for the truth, e.g. one network trained from several seeds.

    The first is the task's oracle. The others score the same designs beside it, since methods may rank otherwise under
    an oracle that differs in nothing but its seed (Surana et al. 2025, arXiv:2502.17246).

    Attributes:
        members: the oracles by name, e.g. "0", "1"; one at least.
    """

    members: Mapping[str, Oracle]

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """What the first oracle says."""
        return next(iter(self.members.values())).score(designs)

    @property
    def columns(self) -> dict[str, str]:
        """The names of the normalised scores of each oracle, by oracle; none where there is but one.

        >>> OracleSet({"0": None, "1": None}).columns
        {'0': 'normalised_oracle_0', '1': 'normalised_oracle_1'}
        """
        return {name: f"normalised_oracle_{name}" for name in self.members} if len(self.members) > 1 else {}


@dataclass(frozen=True)
class Space:
    """The space of raw designs.

    Attributes:
        kind: `continuous` (real vectors) or `discrete` (tokens).
        length: the number of coordinates, or of positions.
        classes: the number of tokens at each position of a discrete design, else None.
        alphabet: a name for each token, e.g. ("A", "C", "G", "T"), where there are names.
        columns: a name for each coordinate, where there are names.
    """

    kind: Kind
    length: int
    classes: int | None = None
    alphabet: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what no design or table could have, before anything is trained in it.

        Raises:
            TaskError: with the fact.
        """
        if self.kind not in get_args(Kind):
            raise TaskError(f'a space is of the kind "{self.kind}"', nearest(str(self.kind), get_args(Kind)))
        if self.kind == "discrete" and not self.classes:
            raise TaskError(f"a discrete space has {self.classes} classes", "say how many tokens there are")
        if self.alphabet is not None and len(self.alphabet) != self.classes:
            raise TaskError(f"a space has {len(self.alphabet)} names for {self.classes} classes", "name each")
        if self.columns is not None:
            _named(self.columns, self.length)

    def cells(self, design: NDArray[Any]) -> Cells:
        """One design as the cells of a table: its letters in one, or each number in its own, exactly.

        >>> Space("discrete", 3, 2, alphabet=("H", "P")).cells(np.array([0, 1, 1]))
        {'design': 'HPP'}
        >>> Space("continuous", 2, columns=("width", "height")).cells(np.array([0.5, 2.0]))
        {'width': 0.5, 'height': 2.0}
        """
        if self.alphabet is not None:
            return {"design": "".join(self.alphabet[token] for token in design)}
        names = self.columns or tuple(f"x{i}" for i in range(self.length))
        return dict(zip(names, design.tolist(), strict=True))


@dataclass(frozen=True)
class TaskInfo:
    """What a task's plugin says of it; nothing here is needed to run it.

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
        space: the design space; by default read off `x`: whole numbers are tokens, all others amounts.
        oracle: the true objective, or None for a table of experiments without one.
        y_min: the raw score that normalises to 0; by default the smallest visible.
        y_max: the raw score that normalises to 1; by default the largest visible.
        info: what people should know of it.
        cells: writes a design as the cells of a table, where `space.cells` would not be read by people; e.g. the
            SMILES of a molecule.

    Raises:
        TaskError: for empty, misshapen, non-finite or out-of-range data.
    """

    def __init__(
        self,
        name: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        space: Space | None = None,
        oracle: Oracle | None = None,
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
        self.oracle = oracle
        self.y_min = float(self.y.min()) if y_min is None else y_min
        self.y_max = float(self.y.max()) if y_max is None else y_max
        self.info = info or TaskInfo("a table of past experiments")
        self.cells = cells or self.space.cells
        self.check(self.x)
        _measurable(name, "design", self.x)
        _measurable(name, "score", self.y[:, None])
        if not self.y_min <= self.y_max:
            raise TaskError(f"{name}: y_min is {self.y_min} and y_max {self.y_max}", "y_max is the larger one")
        self.x.setflags(write=False)
        self.y.setflags(write=False)

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
    """A task that a plugin offers: cheap to list, loaded when it is run.

    Attributes:
        name: how people call it, e.g. `TFBind8-Exact-v0`.
        kind: continuous or discrete.
        info: what people should know of it before loading.
        load: makes the task; raises `TaskError` with a hint where data or an extra is missing.
        missing: says in one line what is missing here and how to get it, or None when ready.
    """

    name: str
    kind: Kind
    info: TaskInfo
    load: Callable[[], Task]
    missing: Callable[[], str | None] = lambda: None

    def unready(self) -> str | None:
        """What is missing, or why that cannot be told, in one line; None when ready."""
        try:
            return self.missing()
        except MboError as error:
            return error.message
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def _named(columns: Sequence[str], length: int) -> None:
    if len(columns) != length:
        raise TaskError(f"a space has {len(columns)} columns for {length} coordinates", "name each coordinate")
    twice = sorted({column for column in columns if columns.count(column) > 1 or column in OWN_COLUMNS})
    if twice:
        own = ", ".join(OWN_COLUMNS)
        raise TaskError(f"a table of designs would have the column {twice[0]} twice", f"name it otherwise; not {own}")


def _array(name: str, what: str, values: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise TaskError(f"{name}: {what} is no table of numbers: {error}", "give rows of equal length") from error


def _designs(name: str, x: ArrayLike) -> NDArray[Any]:
    designs = _array(name, "x", x)
    if designs.ndim != 2 or designs.size == 0:
        raise TaskError(f"{name}: x has shape {designs.shape}", "give a table of designs, one a row: (N, d)")
    if designs.dtype.kind in "iu":
        return designs.astype(np.int64)
    if designs.dtype.kind != "f":
        raise TaskError(f"{name}: x holds {designs.dtype}", "give real numbers, or whole tokens for discrete designs")
    return designs


def _scores(name: str, y: ArrayLike, rows: int) -> NDArray[np.float64]:
    scores = _array(name, "y", y)
    if scores.dtype.kind not in "iuf":
        raise TaskError(f"{name}: y holds {scores.dtype}", "give one real score a design")
    if scores.shape not in {(rows,), (rows, 1)}:
        raise TaskError(f"{name}: y has shape {scores.shape} for {rows} designs", "give one score a design")
    scores = scores.reshape(rows).astype(np.float64)
    _finite(name, "score", scores)
    return scores


def _finite(name: str, what: str, values: NDArray[Any]) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row = int(bad[0][0])
        raise TaskError(
            f"{name}: {what} {row} is {values[tuple(bad[0])]} ({len(bad)} such values)",
            "leave out the rows without a finite value",
        )


def _measurable(name: str, what: str, values: NDArray[Any]) -> None:
    """Refuse columns whose standard deviation overflows or vanishes in float64, as their squares do."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        spread = values.astype(np.float64).std(axis=0)
    lost = ~np.isfinite(spread) | ((spread == 0) & (values.max(axis=0) != values.min(axis=0)))
    if lost.any():
        largest = np.abs(values[:, lost]).max()
        raise TaskError(f"{name}: {what}s of the size {largest:g} cannot be squared", "give them in another unit")


def _tokens(name: str, designs: NDArray[Any], classes: int) -> None:
    if designs.dtype.kind not in "iu":
        raise TaskError(f"{name}: designs hold {designs.dtype}", "discrete designs are whole tokens")
    bad = np.argwhere((designs < 0) | (designs >= classes))
    if len(bad):
        row = int(bad[0][0])
        raise TaskError(
            f"{name}: design {row} has the token {designs[tuple(bad[0])]}; the space has {classes}",
            "tokens count from 0; give real numbers (1.0, not 1) where designs are continuous",
        )


def _space(name: str, designs: NDArray[Any]) -> Space:
    if designs.dtype.kind == "i":
        classes = int(designs.max()) + 1
        if classes > MOST_TOKENS:
            fact = f"{name}: whole numbers up to {classes - 1} would be {classes} kinds of token"
            raise TaskError(fact, "give amounts as real numbers (x.astype(float)), or tokens with their mbo.Space")
        return Space("discrete", designs.shape[1], classes)
    return Space("continuous", designs.shape[1])
