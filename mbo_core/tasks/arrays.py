"""Designs from arrays: numbers are amounts, letters and words are sequences, and what is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.amounts import EXACT, number_of
from mbo_core.tasks.cells import is_pandas
from mbo_core.tasks.numbers import Whole
from mbo_core.tasks.space import Space
from mbo_core.tasks.vectors import array_of
from mbo_core.tasks.words import sequence_of

Array = NDArray[Any]


class Designs(NamedTuple):
    """Raw designs (n, length), their space, and what was decided on the way."""

    x: Array
    space: Space
    notes: list[str]


def from_array(name: str, x: Any, space: Space | None) -> Designs | dict[str, Any]:
    """The designs in an array or list; columns by name where they are of several kinds, or words in a given space.

    Raises:
        TaskError: for what designs cannot be read from.
    """
    words = _words(name, x)
    if words is not None:
        return _sequences(name, words, space)
    found = array_of(name, "x", x)
    if found.dtype.names:
        return {column: found[column] for column in found.dtype.names}
    if found.ndim != 2 or found.size == 0:
        raise TaskError(f"{name}: x has shape {found.shape}", "give one design per row: (N, d)")
    if found.dtype.kind in "ObUST":
        names = space.names if space is not None and len(space.names) == found.shape[1] else None
        return {names[place] if names else f"x{place}": column for place, column in enumerate(found.T)}
    if found.dtype.kind not in "iuf":
        raise TaskError(f"{name}: x has dtype {found.dtype}", "give real numbers, or a frame of columns")
    return _numbers(name, found, space)


def _numbers(name: str, found: Array, space: Space | None) -> Designs:
    if found.dtype.kind in "iu" and np.abs(found.astype(np.float64)).max() > EXACT:
        fact = f"{name}: x has whole numbers above 2**53, which float64 cannot tell apart"
        raise TaskError(fact, "subtract an offset, change the unit, or make the column text")
    if space is not None:
        tokens = space.kind == "discrete" and found.dtype.kind in "iu"
        return Designs(found.astype(np.int64 if tokens else np.float64, copy=False), space, [])
    found, whole = found.astype(np.float64, copy=False), found.dtype.kind in "iu"
    if not whole:
        return Designs(found, Space.continuous(found.shape[1]), [])
    columns = [Whole(f"x{place}", (part.min(), part.max())) for place, part in enumerate(found.T)]
    note = (
        f"x holds whole numbers: amounts from {found.min():.0f} to {found.max():.0f}, "
        "each column within its own range; for tokens give space=mbo.Space.discrete(length, classes)"
    )
    return Designs(found, Space(tuple(columns)), [note])


def _words(name: str, x: Any) -> list[Any] | None:
    """The words of a series or list of them, or rows of tokens that columns share; None for anything else."""
    if is_pandas(x, "Series") or is_pandas(x, "Index"):
        x = x.to_numpy()
    if np.ma.is_masked(x):
        return None
    try:
        found = np.asarray(x)
    except ValueError:
        found = np.array([tuple(row) for row in x], dtype=object) if _ragged(x) else np.zeros(0)
    if found.dtype.kind not in "OUST" or found.ndim not in (1, 2) or not found.size:
        return None
    rows = (found.astype(str) if found.dtype.kind == "S" else found).tolist()
    if all(isinstance(row, str) for row in rows):
        return None if _are_numbers(set(rows)) else rows
    if not all(isinstance(row, (list, tuple)) and row and all(isinstance(token, str) for token in row) for row in rows):
        return None
    return [tuple(row) for row in rows] if _shared(rows) else None


def _are_numbers(texts: set[str]) -> bool:
    return all(np.isfinite(number_of(text)) for text in texts) and not set("".join(texts)) <= {"0", "1"}


def _ragged(x: Any) -> bool:
    return all(isinstance(row, (list, tuple, np.ndarray)) for row in x) and len({len(row) for row in x}) > 1


def _shared(rows: list[list[str]]) -> bool:
    """Whether rows are tokens: no numbers, and single letters or tokens that stand at several places."""
    tokens = {token for row in rows for token in row}
    if _are_numbers(tokens):
        return False
    if all(len(token) == 1 for token in tokens) or len({len(row) for row in rows}) > 1:
        return True
    return len(tokens) < sum(len({row[place] for row in rows}) for place in range(len(rows[0])))


def _sequences(name: str, words: list[Any], space: Space | None) -> Designs | dict[str, Any]:
    if space is None:
        column, reason = sequence_of("design", Counter(words))
        return Designs(Space((column,)).read({"design": words}), Space((column,)), [f"design: {reason}"])
    if space.sequence is None:
        raise TaskError(f"{name}: x holds words, and the space is {space.kind}", "give a frame of columns")
    return {space.names[0]: words}
