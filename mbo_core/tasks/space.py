"""The space of raw designs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from numpy.typing import NDArray

from mbo_core.errors import TaskError, nearest

Kind = Literal["continuous", "discrete"]


OWN_COLUMNS = ("seed", "in_data", "raw", "normalised", "predicted", "fault", "oracle_std")
"""Columns that tables of designs use for something else."""


Cells = dict[str, str | float | int]
"""A design as people read it: cells of a table, by column."""


@dataclass(frozen=True)
class Space:
    """The space of raw designs.

    Attributes:
        kind: `continuous` (real vectors) or `discrete` (tokens).
        length: the number of coordinates, or of positions.
        classes: the number of tokens at each position of a discrete design, else None.
        alphabet: a name for each token, e.g. ("A", "C", "G", "T"), or None.
        columns: a name for each coordinate, or None.
    """

    kind: Kind
    length: int
    classes: int | None = None
    alphabet: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check the space.

        Raises:
            TaskError: with the fact.
        """
        if self.kind not in get_args(Kind):
            raise TaskError(f'unknown kind of space "{self.kind}"', nearest(str(self.kind), get_args(Kind)))
        if self.kind == "discrete" and not self.classes:
            raise TaskError(f"classes={self.classes} in a discrete space", "give the number of tokens")
        if self.alphabet is not None and len(self.alphabet) != self.classes:
            raise TaskError(f"alphabet has {len(self.alphabet)} names for {self.classes} classes", "name each token")
        if self.columns is not None:
            _named(self.columns, self.length)

    def cells(self, design: NDArray[Any]) -> Cells:
        """One design as the cells of a table: its letters in one, or each number in its own, exactly.

        >>> import numpy as np
        >>> Space("discrete", 3, 2, alphabet=("H", "P")).cells(np.array([0, 1, 1]))
        {'design': 'HPP'}
        >>> Space("continuous", 2, columns=("width", "height")).cells(np.array([0.5, 2.0]))
        {'width': 0.5, 'height': 2.0}
        """
        if self.alphabet is not None:
            return {"design": "".join(self.alphabet[token] for token in design)}
        names = self.columns or tuple(f"x{i}" for i in range(self.length))
        return dict(zip(names, design.tolist(), strict=True))


def _named(columns: Sequence[str], length: int) -> None:
    if len(columns) != length:
        raise TaskError(f"columns has {len(columns)} names for {length} coordinates", "name each coordinate")
    twice = sorted({column for column in columns if columns.count(column) > 1 or column in OWN_COLUMNS})
    if twice:
        own = ", ".join(OWN_COLUMNS)
        raise TaskError(f"duplicate column {twice[0]} in the table of designs", f"rename it; reserved names: {own}")
