"""The table of a task: all that a method may know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.columns import Array, Category, Column, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.replicates import Replicates, merged, numbered
from mbo_core.tasks.space import Kind, Space
from mbo_core.tasks.vectors import refuse_infinite, vector


@dataclass(frozen=True, eq=False)
class Table:
    """Tried designs with their scores: all that a method may know of a task. Its arrays are read-only.

    It holds no oracle and nothing that leads to one, so a stage that is given a table cannot cheat.

    Attributes:
        name: how messages call it.
        x: (N, length) raw designs, float64, or int64 for a single sequence; some may lie outside the space.
        y: (N,) float64 raw scores, larger is better.
        weights: (N,) float64 importance weights of the rows, positive.
        space: the space of the raw designs.
        replicates: how often each design was measured, and the pooled error; None if no rows were merged.
    """

    name: str
    x: NDArray[Any]
    y: NDArray[np.float64]
    weights: NDArray[np.float64]
    space: Space
    replicates: Replicates | None = None

    @classmethod
    def of(cls, name: str, x: ArrayLike, y: ArrayLike, space: Space, weights: ArrayLike | None = None) -> Table:
        """A table of raw designs.

        Args:
            name: how messages call it.
            x: (N, length) raw designs of the space.
            y: (N,) scores, larger is better.
            space: their space.
            weights: (N,) weights of the rows, by default ones.

        Raises:
            TaskError: for misshapen, non-finite or out-of-range data.
        """
        designs = np.array(x)
        scores = vector(name, "y", "score", y, len(designs))
        weighed = np.ones(len(designs)) if weights is None else vector(name, "weights", "weight", weights, len(designs))
        made = cls(name, designs, scores, weighed, space)
        made.check(designs)
        _measurable(name, "design", designs)
        _measurable(name, "score", scores[:, None])
        if not (weighed > 0).all():
            raise TaskError(f"{name}: a weight is {weighed.min():g}", "give positive weights, or leave the row out")
        return made._locked()

    def _locked(self) -> Table:
        for array in (self.x, self.y, self.weights):
            array.setflags(write=False)
        return self

    def merged(self) -> Table:
        """The table with one row for each distinct design; itself if all rows are distinct."""
        found = merged(self.x, self.y, self.weights)
        return self if found is None else Table(self.name, *found[:3], self.space, found.replicates)._locked()

    @property
    def kind(self) -> Kind:
        """Continuous, discrete or mixed."""
        return self.space.kind

    @cached_property
    def designs(self) -> int:
        """The number of distinct designs."""
        return int(numbered(self.x).max()) + 1

    def check(self, designs: NDArray[Any]) -> None:
        """Refuse designs of the wrong shape, non-finite numbers, or codes that no level or token has.

        Raises:
            TaskError: with the first offending row.
        """
        if designs.ndim != 2 or designs.shape[1] != self.space.length:
            raise TaskError(f"{self.name}: designs have shape {designs.shape}, not (n, {self.space.length})")
        if designs.dtype.kind not in ("iu" if self.space.kind == "discrete" else "iuf"):
            what = "discrete designs are whole tokens" if self.space.kind == "discrete" else "give numbers"
            raise TaskError(f"{self.name}: designs have dtype {designs.dtype}", what)
        refuse_infinite(self.name, "design", designs)
        for column, part in self.space.parts(designs):
            _codes(self.name, column, part, self.space.kind == "discrete")


def _codes(name: str, column: Column, part: Array, alone: bool) -> None:
    """Refuse codes of a category or a sequence that are out of range."""
    column = column.of if isinstance(column, Fixed) else column
    if isinstance(column, Category):
        what, count = "level", len(column.known)
    elif isinstance(column, Sequence):
        what, count = "token", column.codes
    else:
        return
    bad = np.argwhere((part < 0) | (part >= count) | (part != np.rint(part)))
    if len(bad):
        row = int(bad[0][0])
        place = "the space" if alone else f'column "{column.name}"'
        fact = f"{name}: {what} {part[tuple(bad[0])]:g} in design {row} is out of range: {place} has {count} {what}s"
        raise TaskError(fact, f"{what}s start at 0; a number is a column of its own kind")


def _measurable(name: str, what: str, values: NDArray[Any]) -> None:
    """Refuse columns whose standard deviation overflows or vanishes in float64, as their squares do."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        spread = values.astype(np.float64, copy=False).std(axis=0)
    lost = ~np.isfinite(spread) | ((spread == 0) & (values.max(axis=0) != values.min(axis=0)))
    if lost.any():
        largest = np.abs(values[:, lost]).max()
        raise TaskError(f"{name}: {what}s of size {largest:g} overflow or vanish when squared", "change the unit")
