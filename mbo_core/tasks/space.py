"""The space of raw designs: columns, and constraints between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError, nearest
from mbo_core.tasks.columns import Array, Column, Sequence
from mbo_core.tasks.columns import Cells as Cells
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.fixed import Fixed, held
from mbo_core.tasks.numbers import TOLERANCE, Number, Real

if TYPE_CHECKING:
    from mbo_core.tasks.inference import Inferred

Kind = Literal["continuous", "discrete", "mixed"]
"""Numbers alone; one sequence alone; anything else."""

NEAR = 1e-3
"""Room of a search that moves in float32, in units of a range or of a sum's terms."""

OWN_COLUMNS = ("seed", "in_data", "raw", "normalised", "predicted", "fault", "oracle_std", "measurement_std")
"""Columns that tables of designs use for something else."""


@dataclass(frozen=True)
class Space:
    """The space of raw designs, which are rows of coordinates: float64 (n, length), int64 for a single sequence.

    Attributes:
        columns: what a design consists of.
        constraints: what binds its numbers.
    """

    columns: tuple[Column, ...]
    constraints: tuple[Linear, ...] = ()

    def __post_init__(self) -> None:
        """Check the columns and constraints against each other.

        Raises:
            TaskError: for no column, two of one name, a constraint on what is no number, or contradictions.
        """
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "constraints", tuple(self.constraints))
        if not self.columns:
            raise TaskError("space has no column", "give at least one")
        _check_names([column.name for column in self.columns])
        for constraint in self.constraints:
            self._check_constraint(constraint)
        if self.constraints and self._program.solve(np.zeros(self.length)) is None:
            listed = "; ".join(str(one) for one in self.constraints)
            raise TaskError(f"no design satisfies all constraints: {listed}", "fix the constraints, bounds or steps")

    def _check_constraint(self, constraint: Linear) -> None:
        known = {column.name: column for column in self.columns}
        for name in constraint.coefficients:
            if name not in known:
                raise TaskError(f'constraint {constraint}: unknown column "{name}"', nearest(name, known))
            if self.number(known[name]) is None:
                what = known[name].what
                raise TaskError(f'constraint {constraint}: column "{name}" is a {what}', "only numbers add up")

    @classmethod
    def continuous(cls, length: int, names: Iterable[str] | None = None) -> Space:
        """Real numbers without bounds.

        >>> Space.continuous(2, ("width", "height")).names
        ('width', 'height')
        """
        known = tuple(names) if names is not None else tuple(f"x{place}" for place in range(length))
        if len(known) != length:
            raise TaskError(f"names has {len(known)} names for {length} coordinates", "name each coordinate")
        return cls(tuple(Real(name) for name in known))

    @classmethod
    def discrete(cls, length: int, classes: int = 0, alphabet: Iterable[str] | None = None) -> Space:
        """One sequence of tokens.

        >>> import numpy as np
        >>> Space.discrete(3, alphabet="HP").cells(np.array([0, 1, 1]))
        {'design': 'HPP'}
        """
        if alphabet is not None:
            return cls((Sequence("design", length, tuple(alphabet), classes=classes),))
        return cls((Sequence("x", length, classes=classes),))

    @staticmethod
    def infer(frame: Any, ignore: Iterable[str] = ()) -> Inferred:
        """The space that a DataFrame, or a mapping of columns, proposes, with the reason for each column.

        >>> for line in Space.infer({"run": [1, 2, 3], "resin": [0.2, 0.5, 0.25], "gas": ["N2", "air", "N2"]}).lines:
        ...     print(line)
        resin: amounts from 0.2 to 0.5 in steps of 0.05
        gas: category of 2 levels: N2, air
        run: ignored, a number for each row
        """
        # pandas takes a third of a second to import.
        from mbo_core.tasks.inference import infer

        return infer(frame, ignore)

    @staticmethod
    def number(column: Column) -> Number | None:
        """The number that a column is, or that it holds at a value; None for other columns."""
        inner = column.of if isinstance(column, Fixed) else column
        return inner if isinstance(inner, Number) else None

    @cached_property
    def kind(self) -> Kind:
        """Continuous for numbers alone, discrete for one sequence alone, else mixed."""
        if all(self.number(column) for column in self.columns):
            return "continuous"
        return "discrete" if len(self.columns) == 1 and isinstance(self.columns[0], Sequence) else "mixed"

    @cached_property
    def length(self) -> int:
        """The number of coordinates."""
        return sum(column.width for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def sequence(self) -> Sequence | None:
        """The one sequence of a discrete space."""
        column = self.columns[0]
        return column if self.kind == "discrete" and isinstance(column, Sequence) else None

    @property
    def classes(self) -> int | None:
        """The number of tokens of a discrete space, with those that only the data have."""
        return self.sequence.codes if self.sequence else None

    @property
    def alphabet(self) -> tuple[str, ...] | None:
        """The letters of a discrete space, without those that only the data have."""
        return self.sequence.alphabet if self.sequence else None

    @cached_property
    def plain(self) -> bool:
        """Whether every row of finite numbers, or of tokens, is a design."""
        if self.constraints:
            return False
        whole = self.sequence is not None and self.sequence.gap is None and not self.sequence.outside
        return whole or all(isinstance(column, Number) and column.plain for column in self.columns)

    @property
    def dtype(self) -> type:
        """Int64 for a single sequence, else float64."""
        return np.int64 if self.kind == "discrete" else np.float64

    def parts(self, x: Array) -> list[tuple[Column, Array]]:
        """Each column with its coordinates of designs (n, length)."""
        ends = np.cumsum([column.width for column in self.columns])
        return list(zip(self.columns, np.split(x, ends[:-1], axis=-1), strict=True))

    def place(self, name: str) -> slice:
        """Where the coordinates of a column are.

        Raises:
            TaskError: for an unknown column.
        """
        if name not in self.names:
            raise TaskError(f'unknown column "{name}"', nearest(name, self.names))
        index = self.names.index(name)
        start = sum(column.width for column in self.columns[:index])
        return slice(start, start + self.columns[index].width)

    @cached_property
    def numbers(self) -> NDArray[np.bool_]:
        """Whether each coordinate is a number, (length,)."""
        return np.concatenate([np.full(one.width, self.number(one) is not None) for one in self.columns])

    def named(self, coordinate: int) -> str:
        """The name of the column that a coordinate belongs to."""
        ends = np.cumsum([column.width for column in self.columns])
        return self.columns[int(np.searchsorted(ends, coordinate, side="right"))].name

    def totals(self, x: Array) -> Array:
        """The sum of each constraint for designs (n, length), (n, constraints)."""
        return np.asarray(x @ self.weights.T)

    @cached_property
    def weights(self) -> Array:
        """The coefficient of each coordinate in each constraint, (constraints, length)."""
        weights = np.zeros((len(self.constraints), self.length))
        for row, constraint in zip(weights, self.constraints, strict=True):
            for name, weight in constraint.coefficients.items():
                row[self.place(name)] = weight
        return weights

    def contains(self, x: Array) -> NDArray[np.bool_]:
        """Whether each design (n, length) lies in the space, (n,); sums hold to 1e-9 of their terms."""
        inside = np.isfinite(x).all(1)
        with np.errstate(invalid="ignore"):
            for column, part in self.parts(x):
                inside &= column.holds(part)
            return inside & self.kept(x)

    def lacking(self, x: Array) -> Array:
        """What each constraint's sum lacks to its nearest bound, (n, constraints); 0 where it holds."""
        totals = self.totals(x)
        return np.asarray(np.clip(totals, *self.ends) - totals)

    @cached_property
    def ends(self) -> tuple[Array, Array]:
        """The lower and the upper bounds of the constraints' sums, (constraints,) each."""
        return np.array([one.lower for one in self.constraints]), np.array([one.upper for one in self.constraints])

    def kept(self, x: Array) -> NDArray[np.bool_]:
        """Whether each of the designs (n, length) keeps the constraints, (n,), to 1e-9 of their terms."""
        room = TOLERANCE * np.maximum(1.0, np.abs(x) @ np.abs(self.weights).T)
        return np.asarray((np.abs(self.lacking(x)) <= room).all(1))

    def near(self, x: Array) -> NDArray[np.bool_]:
        """Whether each design (n, length) keeps the bounds and sums to a thousandth, whatever its steps, (n,)."""
        scales = np.concatenate(
            [np.full(column.width, getattr(self.number(column), "scale", 1)) for column in self.columns]
        )
        kept = np.asarray((np.abs(self.lacking(x)) <= NEAR * (np.abs(self.weights) @ scales)).all(1))
        for column, part in self.parts(x):
            number = self.number(column)
            if number is not None and not isinstance(column, Fixed):
                kept &= (np.abs(np.clip(part, *number.bounds) - part) <= NEAR * number.scale).all(1)
        return kept

    def repair(self, x: Array) -> Array:
        """The nearest design of the space for each row of (n, length) finite coordinates; see `distance`.

        A row in the space is returned as it is, but for rounding to its steps. Where sums bind stepped numbers, a
        mixed-integer program finds the nearest (HiGHS); among equally near ones it chooses any.

        Raises:
            TaskError: for coordinates that are not finite.
        """
        if not np.isfinite(x).all():
            raise TaskError("designs to repair are not finite", "leave them out")
        snapped = np.concatenate([column.nearest(part) for column, part in self.parts(x)], axis=1)
        for row in np.flatnonzero(~self.kept(snapped)):
            found = self._program.solve(np.asarray(x[row], dtype=np.float64))
            if found is None:
                raise TaskError(
                    f"design {x[row].tolist()} cannot be repaired", "loosen the constraints, bounds or steps"
                )
            snapped[row] = np.where(self._bound, found, snapped[row])
        return (snapped + 0.0).astype(self.dtype)  # no negative zeros

    @cached_property
    def _bound(self) -> NDArray[np.bool_]:
        return np.asarray((self.weights != 0).any(0))

    @cached_property
    def _program(self) -> Any:
        # scipy takes a third of a second to import, and few spaces have constraints.
        from mbo_core.tasks.repair import Program

        return Program(self)

    def distance(self, a: Array, b: Array) -> NDArray[np.float64]:
        """How far designs (n, length) are apart, (n,): numbers by their ranges, levels and letters that differ by 1."""
        pairs = zip(self.parts(a), self.parts(b), strict=True)
        return np.asarray(sum(column.distance(left, right) for (column, left), (_, right) in pairs), dtype=np.float64)

    @cached_property
    def size(self) -> int | None:
        """The number of designs if no constraint bound them; None if they cannot be counted."""
        sizes = [column.size for column in self.columns]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def enumerate(self, most: int = 100_000) -> Array | None:
        """All designs of the space, (size, length), if they are at most `most` before the constraints; else None."""
        if self.size is None or self.size > most:
            return None
        grid = np.zeros((1, 0))
        for column in self.columns:
            listed = column.listed()
            grid = np.hstack([np.repeat(grid, len(listed), 0), np.tile(listed, (len(grid), 1))])
        return np.asarray(grid[self.kept(grid)].astype(self.dtype))

    def hold(self, values: Mapping[str, Any]) -> Space:
        """The same space with columns held at values, which may be texts: "25" is a number in a column of numbers.

        Raises:
            TaskError: for an unknown column, or a value that it does not have.
        """
        for name in values:
            self.place(name)
        columns = [held(column, values[column.name]) if column.name in values else column for column in self.columns]
        return Space(tuple(columns), self.constraints)

    def knowing(self, cells: Mapping[str, Many[Any]]) -> Space:
        """The same space, whose columns also read what only these cells of the data have, by name."""
        columns = [one if self.number(one) else one.knowing(cells[one.name]) for one in self.columns]
        return Space(tuple(columns), self.constraints)

    def read(self, cells: Mapping[str, Many[Any]]) -> Array:
        """Designs (n, length) from columns of cells, by name.

        Raises:
            TaskError: for a missing column, or a cell that a column cannot mean.
        """
        for name in self.names:
            if name not in cells:
                raise TaskError(f'column "{name}" of the space is not in the table', nearest(name, cells))
        parts = [column.read(cells[column.name]) for column in self.columns]
        return np.hstack(parts).astype(self.dtype)

    def cells(self, design: Array) -> Cells:
        """One design (length,) as the cells of a table: its letters in one, each number in its own, exactly.

        >>> import numpy as np
        >>> Space.continuous(2, ("width", "height")).cells(np.array([0.5, 2.0]))
        {'width': 0.5, 'height': 2.0}
        """
        return {name: cell for column, part in self.parts(design) for name, cell in column.cells(part).items()}


def _check_names(names: Many[str]) -> None:
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise TaskError(f'duplicate column "{twice[0]}" in the space', "rename one")
    own = [name for name in names if name in OWN_COLUMNS]
    if own:
        raise TaskError(f'reserved column name "{own[0]}"', f"rename it; reserved names: {', '.join(OWN_COLUMNS)}")
