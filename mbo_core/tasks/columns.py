"""The columns of a design that are not numbers, and what all columns have in common.

A design is a row of coordinates. A number takes one coordinate, a category one (the code of its level), a sequence one
for each position (the code of its letter). A column knows its values; what binds several columns is a constraint.

Shapes: `n` designs, `width` coordinates of the column.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence as Many
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError, nearest

Array = NDArray[Any]
Cells = dict[str, str | float | int]
"""A design as people read it: cells of a table, by column."""


class Column(ABC):
    """What designs have at one place: its values and how people write them."""

    name: str
    what: ClassVar[str]
    """How messages and `space.toml` call this kind of column."""

    @property
    def width(self) -> int:
        """The number of coordinates."""
        return 1

    @property
    @abstractmethod
    def size(self) -> int | None:
        """The number of values; None if they cannot be counted."""

    @abstractmethod
    def listed(self) -> Array:
        """All values, (size, width), of a column that can be counted."""

    @abstractmethod
    def nearest(self, x: Array) -> Array:
        """The value of the column nearest to each row of (n, width) coordinates."""

    @abstractmethod
    def holds(self, x: Array) -> NDArray[np.bool_]:
        """Whether each row of (n, width) coordinates is a value of the column, (n,)."""

    @abstractmethod
    def distance(self, a: Array, b: Array) -> NDArray[np.float64]:
        """How far two rows of (n, width) are apart, (n,): a number by its range, a letter or level by 1."""

    @abstractmethod
    def read(self, cells: Many[Any]) -> Array:
        """The coordinates (n, width) of n cells of a table, whether or not they are values of the column.

        Raises:
            TaskError: for a cell that the column cannot mean, with its row.
        """

    @abstractmethod
    def cells(self, x: Array) -> Cells:
        """The coordinates (width,) of one design as cells of a table."""

    def knowing(self, cells: Many[Any]) -> Self:
        """The same column, which also reads what only these cells of the data have."""
        return self


@dataclass(frozen=True)
class Category(Column):
    """One of several levels without an order; its coordinate is the level's place.

    Attributes:
        name: the column's name.
        levels: the levels, as people write them.
        descriptors: numbers that describe each level, by the name of the descriptor, e.g. {"boiling_C": (78, 100)}.
        outside: levels that only the data have: trained on, never proposed. Their codes follow those of `levels`.
    """

    name: str
    levels: tuple[str, ...]
    descriptors: dict[str, tuple[float, ...]] = field(default_factory=dict, hash=False)
    outside: tuple[str, ...] = ()
    what: ClassVar[str] = "category"

    def __post_init__(self) -> None:
        """Check the levels.

        Raises:
            TaskError: for no level, a level twice, or a descriptor that does not describe each level once.
        """
        object.__setattr__(self, "levels", tuple(self.levels))
        object.__setattr__(self, "outside", tuple(self.outside))
        _several(self.name, "level", self.levels)
        _several(self.name, "level", self.known)
        for name, values in self.descriptors.items():
            if len(values) != len(self.levels) or not np.isfinite(values).all():
                fact = f'descriptor "{name}" of column "{self.name}" has {len(values)} numbers'
                raise TaskError(fact, f"give one finite number for each of the {len(self.levels)} levels")

    @property
    def known(self) -> tuple[str, ...]:
        """The level of each code: those of the space, then those that only the data have."""
        return self.levels + self.outside

    @property
    def size(self) -> int:
        """The number of levels in the space."""
        return len(self.levels)

    def listed(self) -> Array:
        """The code of each level."""
        return np.arange(self.size, dtype=np.float64)[:, None]

    def nearest(self, x: Array) -> Array:
        """The code in range nearest to each."""
        return np.clip(np.rint(x), 0, self.size - 1)

    def holds(self, x: Array) -> NDArray[np.bool_]:
        """Whether each is the code of a level."""
        return np.asarray((self.nearest(x) == x).all(1))

    def distance(self, a: Array, b: Array) -> NDArray[np.float64]:
        """0 for the same level, else 1."""
        return np.asarray((a != b).any(1), dtype=np.float64)

    def read(self, cells: Many[Any]) -> Array:
        """The code of the level in each cell."""
        codes = {level: float(code) for code, level in enumerate(self.known)}
        known: dict[tuple[type, Any], float] = {}
        for row, cell in enumerate(cells):
            if (type(cell), cell) not in known:
                text = text_of(cell)
                if text not in codes:
                    fact = f'unknown level "{text}" in row {row} of column "{self.name}"'
                    raise TaskError(fact, nearest(text, self.levels))
                known[type(cell), cell] = codes[text]
        return np.array([[known[type(cell), cell]] for cell in cells]).reshape(-1, 1)

    def cells(self, x: Array) -> Cells:
        """The level."""
        return {self.name: self.known[int(x[0])]}

    def knowing(self, cells: Many[Any]) -> Category:
        """The same column, which also reads the levels that only these cells of the data have."""
        return replace(self, outside=_others({text_of(cell) for cell in cells}, self.known, self.outside))


@dataclass(frozen=True)
class Sequence(Column):
    """Letters or tokens at a number of positions; a coordinate is a letter's place in the alphabet.

    Attributes:
        name: the column's name.
        length: the number of positions.
        alphabet: the letter of each token; None for tokens that people know by number.
        gap: the letter of the alphabet that stands for nothing, so that shorter sequences fit; gaps stand at the end.
        classes: the number of tokens; by default that of the letters.
        outside: letters that only the data have: trained on, never proposed. Their codes follow those of `alphabet`.
    """

    name: str
    length: int
    alphabet: tuple[str, ...] | None = None
    gap: str | None = None
    classes: int = 0
    outside: tuple[str, ...] = ()
    what: ClassVar[str] = "sequence"

    def __post_init__(self) -> None:
        """Check the alphabet.

        Raises:
            TaskError: for no position, no token, a letter twice, or a gap that is no letter.
        """
        if self.alphabet is not None:
            object.__setattr__(self, "alphabet", tuple(self.alphabet))
            _several(self.name, "letter", self.alphabet or ())
            _told_apart(self.name, self.alphabet or ())
            if self.classes and self.classes != len(self.alphabet):
                fact = f"alphabet has {len(self.alphabet)} names for {self.classes} classes"
                raise TaskError(fact, "name each token")
            object.__setattr__(self, "classes", len(self.alphabet))
        object.__setattr__(self, "outside", tuple(self.outside))
        if self.outside and self.alphabet is None:
            raise TaskError(f'sequence "{self.name}" has letters outside and no alphabet', "give it an alphabet")
        if self.outside:
            _several(self.name, "letter", self.known)
        for what, count in (("classes", self.classes), ("length", self.length)):
            if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
                raise TaskError(f'sequence "{self.name}" has {what}={count!r}', "give a whole number")
        if self.classes < 1:
            raise TaskError(f"classes={self.classes} in a discrete space", "give the number of tokens")
        if self.length < 1:
            raise TaskError(f'sequence "{self.name}" has {self.length} positions', "give at least one")
        if self.gap is not None and self.gap not in (self.alphabet or ()):
            raise TaskError(
                f'gap "{self.gap}" of column "{self.name}" is not in its alphabet', "add it to the alphabet"
            )

    @property
    def width(self) -> int:
        """The number of positions."""
        return self.length

    @property
    def known(self) -> tuple[str, ...]:
        """The letter of each code: those of the space, then those that only the data have; none of bare tokens."""
        return (self.alphabet or ()) + self.outside

    @property
    def codes(self) -> int:
        """The number of tokens, with those that only the data have."""
        return self.classes + len(self.outside)

    @property
    def size(self) -> int:
        """The number of sequences; gaps only stand at the end."""
        letters = self.classes - (self.gap is not None)
        lengths = range(self.length + 1) if self.gap is not None else (self.length,)
        return sum(letters**length for length in lengths)

    @property
    def gap_code(self) -> int | None:
        """The token of the gap."""
        return None if self.gap is None or self.alphabet is None else self.alphabet.index(self.gap)

    def listed(self) -> Array:
        """All sequences."""
        every = np.indices((self.classes,) * self.length).reshape(self.length, -1).T.astype(np.float64)
        return every[self.holds(every)]

    def nearest(self, x: Array) -> Array:
        """The tokens in range nearest to each, gaps moved to the end."""
        tokens = np.clip(np.rint(x), 0, self.classes - 1)
        if self.gap_code is None:
            return tokens
        # A letter that only the data have gives way to a letter: a gap would move those behind it.
        tokens = np.where(np.rint(x) >= self.classes, self._last, tokens)
        order = np.argsort(tokens == self.gap_code, axis=1, kind="stable")
        return np.take_along_axis(tokens, order, axis=1)

    @property
    def _last(self) -> int:
        """The last token that is no gap, if there is one."""
        return self.classes - 1 - (self.gap_code == self.classes - 1 > 0)

    def holds(self, x: Array) -> NDArray[np.bool_]:
        """Whether each is a sequence of tokens in range, with gaps at the end only."""
        return np.asarray((self.nearest(x) == x).all(1))

    def distance(self, a: Array, b: Array) -> NDArray[np.float64]:
        """The number of positions that differ."""
        return np.asarray((a != b).sum(1), dtype=np.float64)

    def read(self, cells: Many[Any]) -> Array:
        """The tokens of each cell, a text or a list of tokens."""
        codes = {letter: float(code) for code, letter in enumerate(self.known)}
        return np.array([self._tokens(row, cell, codes) for row, cell in enumerate(cells)]).reshape(-1, self.length)

    def _tokens(self, row: int, cell: Any, codes: dict[str, float]) -> list[float]:
        letters = list(cell)
        if self.gap is not None:
            letters += [self.gap] * (self.length - len(letters))
        if len(letters) != self.length:
            fact = f'sequence in row {row} of column "{self.name}" has {len(letters)} letters, not {self.length}'
            raise TaskError(fact, "cut or pad it, or give the column a gap letter")
        for letter in letters:
            if self.alphabet is None and not _is_number(letter):
                fact = f'letter "{letter}" in row {row} of column "{self.name}" is not a number'
                raise TaskError(fact, "give the column an alphabet")
            if self.alphabet is not None and letter not in codes:
                fact = f'unknown letter "{letter}" in row {row} of column "{self.name}"'
                raise TaskError(fact, nearest(str(letter), self.alphabet))
        if self.alphabet is None:
            return [float(token) for token in letters]
        return [codes[letter] for letter in letters]

    def cells(self, x: Array) -> Cells:
        """The letters in one cell, without gaps; tokens without letters in a cell each."""
        if self.alphabet is None:
            names = [f"{self.name}{place}" for place in range(self.length)]
            return dict(zip(names, [int(token) for token in x], strict=True))
        gap = self.gap_code
        return {self.name: "".join(self.known[int(token)] for token in x if int(token) != gap)}

    def knowing(self, cells: Many[Any]) -> Sequence:
        """The same column, which also reads the letters that only these cells of the data have."""
        if self.alphabet is None:
            return self
        found = {letter for cell in set(map(_hashed, cells)) for letter in cell}
        return replace(self, outside=_others(found, self.known, self.outside))


def _told_apart(name: str, alphabet: Many[Any]) -> None:
    """Refuse letters that a design's text does not tell apart: empty ones, and one that starts another."""
    for place, letter in enumerate(ordered := sorted(map(_letter, alphabet))):
        following = ordered[place + 1 : place + 2]
        if not letter or (following and following[0].startswith(letter)):
            fact = f'letter "{letter}" of column "{name}" ' + (f'starts "{following[0]}"' if letter else "is empty")
            raise TaskError(fact, "give letters of which none starts another, so that a text can be read back")


def _letter(letter: Any) -> str:
    if not isinstance(letter, str):
        raise TaskError(f"letter {letter!r} is of type {type(letter).__name__}", "give texts")
    return letter


def text_of(cell: Any) -> str:
    """A cell as the text of a level: 304 and 304.0 are "304", True is "true".

    >>> text_of(304.0), text_of(True), text_of("yes")
    ('304', 'true', 'yes')
    """
    if isinstance(cell, (bool, np.bool_)):
        return str(bool(cell)).lower()
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def _others(found: set[Any], known: Many[str], outside: tuple[str, ...]) -> tuple[str, ...]:
    """What is outside a column already, and what else of the texts found is not known."""
    return outside + tuple(sorted(one for one in found.difference(known) if isinstance(one, str)))


def _hashed(cell: Any) -> Any:
    return cell if isinstance(cell, str) else tuple(cell)


def _is_number(token: Any) -> bool:
    return isinstance(token, (int, float, np.integer, np.floating)) or (isinstance(token, str) and token.isdecimal())


def _several(name: str, what: str, values: Many[str]) -> None:
    if not values:
        raise TaskError(f'column "{name}" has no {what}', f"give its {what}s")
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        raise TaskError(f'duplicate {what} "{twice[0]}" in column "{name}"', "list each once")
