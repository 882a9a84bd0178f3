"""The table of a task: all that a method may know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.replicates import Replicates, merged, numbered
from mbo_core.tasks.space import Kind, Space

MOST_TOKENS = 256
"""Without a space, larger whole numbers are refused, as they are probably amounts and not tokens."""


@dataclass(frozen=True, eq=False)
class Table:
    """Tried designs with their scores: all that a method may know of a task. Its arrays are read-only.

    It holds no oracle and nothing that leads to one, so a stage that is given a table cannot cheat.

    Attributes:
        name: how messages call it.
        x: (N, d) float64 or (N, L) int64 raw designs.
        y: (N,) float64 raw scores, larger is better.
        w: (N,) float64 importance weights of the rows, positive.
        space: the space of the raw designs.
        replicates: how often each design was measured, and the pooled error; None if no rows were merged.
    """

    name: str
    x: NDArray[Any]
    y: NDArray[np.float64]
    w: NDArray[np.float64]
    space: Space
    replicates: Replicates | None = None

    @classmethod
    def of(cls, name: str, x: ArrayLike, y: ArrayLike, space: Space | None = None, w: ArrayLike | None = None) -> Table:
        """A table from what a person has.

        Args:
            name: how messages call it.
            x: (N, d) real numbers or (N, L) whole tokens.
            y: (N,) scores, larger is better.
            space: by default read off `x`: whole numbers are tokens, all others amounts.
            w: (N,) weights of the rows, by default ones.

        Raises:
            TaskError: for empty, misshapen, non-finite or out-of-range data.
        """
        designs = _designs(name, x)
        scores = _column(name, "y", "score", y, len(designs))
        weights = np.ones(len(designs)) if w is None else _column(name, "w", "weight", w, len(designs))
        space = space or _space(name, designs)
        if space.kind == "continuous":
            designs = designs.astype(np.float64)
        made = cls(name, designs, scores, weights, space)
        made.check(designs)
        _measurable(name, "design", designs)
        _measurable(name, "score", scores[:, None])
        if not (weights > 0).all():
            raise TaskError(f"{name}: a weight is {weights.min():g}", "give positive weights, or leave the row out")
        return made._locked()

    def _locked(self) -> Table:
        for array in (self.x, self.y, self.w):
            array.setflags(write=False)
        return self

    def merged(self) -> Table:
        """The table with one row for each distinct design; itself if all rows are distinct."""
        found = merged(self.x, self.y, self.w)
        return self if found is None else Table(self.name, *found[:3], self.space, found.replicates)._locked()

    @property
    def kind(self) -> Kind:
        """Continuous or discrete."""
        return self.space.kind

    @cached_property
    def designs(self) -> int:
        """The number of distinct designs."""
        return int(numbered(self.x).max()) + 1

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


def _column(name: str, label: str, what: str, values: ArrayLike, rows: int) -> NDArray[np.float64]:
    column = _array(name, label, values)
    if column.dtype.kind not in "iuf":
        raise TaskError(f"{name}: {label} has dtype {column.dtype}", f"give one real {what} per design")
    if column.shape not in {(rows,), (rows, 1)}:
        raise TaskError(f"{name}: {label} has shape {column.shape} for {rows} designs", f"give one {what} per design")
    column = column.reshape(rows).astype(np.float64)
    _finite(name, what, column)
    return column


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
