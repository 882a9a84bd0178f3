"""A column that keeps one value in all proposals."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.columns import Array, Category, Cells, Column, text_of
from mbo_core.tasks.numbers import Real


@dataclass(frozen=True)
class Fixed(Column):
    """A column that keeps one value in all proposals, whatever the data have.

    Attributes:
        name: the column's name.
        value: the value, as people write it.
        column: what the column holds otherwise, where the data have other values too; by default only the value.
    """

    name: str
    value: Any
    column: Column | None = None
    what: ClassVar[str] = "fixed"

    def __post_init__(self) -> None:
        """Check the value.

        Raises:
            TaskError: if it is no value of the column.
        """
        if isinstance(self.value, (list, np.ndarray)):
            object.__setattr__(self, "value", tuple(self.value))
        if self.column is None:
            object.__setattr__(self, "column", _only(self.name, self.value))
        if self.of.name != self.name or isinstance(self.column, Fixed):
            raise TaskError(
                f'fixed column "{self.name}" holds the column "{self.of.name}"', "hold a column of its name"
            )
        if not self.of.holds(self.coordinates[None]).all():
            near = next(iter(self.of.cells(self.of.nearest(self.coordinates[None])[0]).values()))
            raise TaskError(
                f'fixed value {self.value} of column "{self.name}" is not one of its values',
                f"change either; the nearest is {near}",
            )

    @property
    def of(self) -> Column:
        """The column that is held."""
        assert self.column is not None
        return self.column

    @property
    def coordinates(self) -> Array:
        """The value as coordinates, (width,)."""
        return np.asarray(self.of.read([self.value])[0])

    @property
    def width(self) -> int:
        """That of the column."""
        return self.of.width

    @property
    def size(self) -> int:
        """1."""
        return 1

    def listed(self) -> Array:
        """The value."""
        return self.coordinates[None]

    def nearest(self, x: Array) -> Array:
        """The value, for each."""
        return np.broadcast_to(self.coordinates, x.shape).copy()

    def holds(self, x: Array) -> NDArray[np.bool_]:
        """Whether each is the value."""
        return np.asarray((self.coordinates == x).all(1))

    def distance(self, a: Array, b: Array) -> NDArray[np.float64]:
        """That of the column."""
        return self.of.distance(a, b)

    def read(self, cells: Many[Any]) -> Array:
        """As the column reads them."""
        return self.of.read(cells)

    def cells(self, x: Array) -> Cells:
        """As the column writes them."""
        return self.of.cells(x)

    def knowing(self, cells: Many[Any]) -> Fixed:
        """The same, whose column also reads what only these cells have."""
        return replace(self, column=self.of.knowing(cells))


def held(column: Column, value: Any) -> Fixed:
    """A column held at a value, written as the column writes it.

    Raises:
        TaskError: for a value that the column cannot mean, or does not have.
    """
    inner = column.of if isinstance(column, Fixed) else column
    written = inner.cells(inner.read([value])[0])
    return Fixed(column.name, written.get(column.name, value), inner)


def _only(name: str, value: Any) -> Column:
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return Real(name) if number else Category(name, (text_of(value),))
