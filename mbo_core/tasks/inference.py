"""A space proposed from a table, with the reason for each column; nothing is decided silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from mbo_core.errors import TaskError, nearest
from mbo_core.tasks.amounts import EXACT, Amounts, number_of
from mbo_core.tasks.cells import Series, columns_of, is_numeric, missing, numbers
from mbo_core.tasks.columns import Category, text_of
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.space import Space
from mbo_core.tasks.sums import sums
from mbo_core.tasks.words import Finding, days, levels_say, names_rows, sequence_of, texts_say, unit_of

NUMERIC = 0.8
"""From this share of numbers on, a column of text is one of numbers, and its other cells are none."""


@dataclass(frozen=True)
class Inferred:
    """A proposed space.

    Attributes:
        space: the space.
        reasons: why each of its columns is what it is, by name.
        ignored: why each of the other columns is left out, by name.
    """

    space: Space
    reasons: dict[str, str]
    ignored: dict[str, str]

    @property
    def lines(self) -> list[str]:
        """What was decided, for people: a line for each column, and one for each sum."""
        lines = [f"{name}: {reason}" for name, reason in self.reasons.items()]
        lines += [f"{constraint} in every row" for constraint in self.space.constraints]
        return lines + [f"{name}: ignored, {reason}" for name, reason in self.ignored.items()]


def infer(frame: Any, ignore: Iterable[str] = ()) -> Inferred:
    """The space that a table proposes.

    Args:
        frame: a DataFrame, or a mapping of columns.
        ignore: columns to leave out, e.g. the scores.

    Raises:
        TaskError: for an unknown column to ignore, or a table without a column that can be used.
    """
    series = columns_of(frame)
    asked = set(ignore)
    for name in asked - set(series):
        raise TaskError(f'unknown column "{name}" to ignore', nearest(name, series))
    read = {name: _read(name, cells) for name, cells in series.items() if name not in asked}
    added = _sums(series, {name: one for name, one in read.items() if isinstance(one, Amounts)})
    summed = {name for one in added for name in one.coefficients}
    found = {name: one.column(name in summed) if isinstance(one, Amounts) else one for name, one in read.items()}
    reasons = {name: reason + _gaps(series[name]) for name, (_, reason) in found.items()}
    columns = [column for column, _ in found.values() if column is not None]
    if not columns:
        listed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise TaskError(f"table has no column that a design could consist of ({listed})", "give the mbo.Space")
    kept = {column.name for column in columns}
    ignored = {name: reason for name, reason in reasons.items() if name not in kept}
    return Inferred(
        Space(tuple(columns), tuple(added)), {name: reasons[name] for name in found if name in kept}, ignored
    )


def column_of(name: str, cells: Series) -> Finding:
    """The column that the cells of one series propose, and why."""
    read = _read(name, cells)
    return read.column() if isinstance(read, Amounts) else read


def levels_in(columns: Mapping[str, Series]) -> Callable[[str], list[str] | None]:
    """The levels of each column if it were a category: its distinct texts, in order; None if it is not there."""

    def levels(name: str) -> list[str] | None:
        cells = columns.get(name)
        kept = [] if cells is None else cells[~missing(cells)].tolist()
        return (
            None
            if any(isinstance(cell, (list, tuple, np.ndarray)) for cell in kept)
            else sorted(set(map(text_of, kept)))
        )

    return levels


def _sums(series: dict[str, Series], amounts: dict[str, Amounts]) -> list[Linear]:
    """The sums over the rows in which all numbers are there, if they are most; else over columns without a gap."""
    there = {name: ~missing(series[name]) for name in amounts}
    whole = np.logical_and.reduce([np.ones(len(next(iter(series.values()))), dtype=bool), *there.values()])
    if whole.all():
        return sums(amounts)
    if 2 * whole.sum() <= len(whole):
        return sums({name: one for name, one in amounts.items() if there[name].all()})
    return sums({name: replace(one, values=one.values[whole[there[name]]]) for name, one in amounts.items()})


def _gaps(cells: Series) -> str:
    empty = int(missing(cells).sum())
    return f"; {empty} of {len(cells)} cells empty" if 0 < 2 * empty <= len(cells) else ""


def _read(name: str, cells: Series) -> Amounts | Finding:
    """The numbers of a column of numbers; of any other what it proposes."""
    empty = missing(cells)
    if 2 * empty.sum() > len(cells):
        return None, f"{int(empty.sum())} of {len(cells)} cells are empty"
    kept = cells[~empty]
    if is_numeric(kept):
        return _amounts(name, kept, bool(empty.any()))
    if getattr(kept.dtype, "kind", "O") in "mMc":
        return None, {"m": "durations", "M": "dates", "c": "complex numbers"}[kept.dtype.kind]
    if kept.dtype.name == "category":
        levels = [text_of(level) for level in kept.dtype.categories]
        return Category(name, tuple(levels)), levels_say(dict.fromkeys(levels, 2))
    return _objects(name, kept.tolist())


def _amounts(name: str, cells: Series, had_gaps: bool) -> Amounts | Finding:
    values = numbers(cells)
    # pandas turns whole numbers into floats where a cell is empty.
    whole = cells.dtype.kind in "iu" or (had_gaps and bool((values == np.rint(values)).all()))
    size = min(8, getattr(cells.dtype, "itemsize", 8)) if cells.dtype.kind == "f" else 8
    return _numbers(Amounts(name, values, whole, precision=size))


def _numbers(amounts: Amounts) -> Amounts | Finding:
    values = amounts.values
    named = bool((values == np.rint(values)).all()) and len(np.unique(values)) == len(values) > 2
    if named and names_rows(amounts.name):
        return None, "a number for each row"
    if amounts.whole and days(amounts.name, values):
        return None, "dates"
    if amounts.whole and np.abs(values).max() > EXACT:
        return None, "whole numbers above 2**53, which float64 cannot tell apart"
    return amounts


def _objects(name: str, cells: list[Any]) -> Amounts | Finding:
    types = set(map(type, cells))
    if all(issubclass(one, (list, tuple, np.ndarray)) for one in types):
        return _token_lists(name, cells)
    if all(issubclass(one, date) for one in types):
        return None, "dates"
    # True, 1 and 1.0 are one key of a dictionary, but not one text.
    distinct = Counter(zip(map(type, cells), cells, strict=True))
    counts: Counter[str] = Counter()
    for (_, cell), count in distinct.items():
        counts[text_of(cell)] += count
    unit = unit_of(counts) or ""
    numbers_of = {text: number_of(text, unit) for text in counts}
    numeric = sum(count for text, count in counts.items() if np.isfinite(numbers_of[text]))
    coded = any(text[:1] == "0" and text.isdigit() and len(text) > 1 for text in counts)
    if numeric < NUMERIC * len(cells) or coded:
        return texts_say(name, counts)
    if numeric < len(cells):
        other = next(text for text in counts if not np.isfinite(numbers_of[text]))
        return None, f'{numeric} of {len(cells)} cells are numbers, but others are not ("{other}")'
    whole = all("." not in text and "e" not in text.casefold() for text in counts)
    return _numbers(Amounts(name, np.array([numbers_of[text_of(cell)] for cell in cells]), whole, unit))


def _token_lists(name: str, cells: list[Any]) -> Finding:
    if not all(isinstance(token, str) for cell in cells for token in cell) or not all(len(cell) for cell in cells):
        return None, "lists that do not consist of text"
    return sequence_of(name, Counter(tuple(cell) for cell in cells))
