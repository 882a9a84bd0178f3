"""Columns from texts: numbers with their unit and the words of their gaps, or texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.amounts import CODES, words_of
from mbo_core.tasks.cells import Series
from mbo_core.tasks.inference import NUMERIC
from mbo_core.text import is_held, released
from mbo_propose.reading.limits import limits_in, unused
from mbo_propose.reading.missing import EMPTY_TEXTS, is_limit, is_missing
from mbo_propose.reading.numerals import Numeral, Sign, numeral, shown
from mbo_propose.reading.units import is_unit, unit_in

_NAMES = (
    "catalyst catalysts ligand ligands solvent solvents base reagent reagents additive additives substrate substrates "
    "well wells plate plates position pos slot vial vials tube rack operator supplier vendor strain clone cell "
    "machine line reactor furnace oven chamber printer instrument method recipe resin polymer enzyme dye analyst site"
)
NAMES = frozenset(_NAMES.split()) - frozenset(CODES)
"""Words in the name of a column whose whole numbers may be names; those of the core are asked about by the core."""


Raw: TypeAlias = "list[Any] | Series"
"""The cells of a column before they are read: objects with empty texts for blanks, or a series of a definite type."""


@dataclass
class Column:
    """A column as it was read.

    Attributes:
        series: numbers, NaN without a value; or texts, NaN where the cell is empty.
        unit: what stands behind every number.
        gap: what stands between them.
        absent: the cells that were read as no value, and how often.
        limits: the number and the text of those that are limits with a number, by place.
        strangers: the cells that are no numbers among numbers, and how often.
        notes: what people should know.
    """

    series: Series
    unit: str = ""
    gap: str = ""
    absent: Counter[str] = field(default_factory=Counter)
    limits: dict[int, tuple[float, str]] = field(default_factory=dict)
    strangers: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def raw(cells: Series) -> Raw:
    """A series of texts or objects as a list; any other as it is."""
    if cells.dtype.kind != "O" or cells.dtype.name == "category":
        return cells.reset_index(drop=True)
    empty = cells.isna()
    return ["" if none else cell for cell, none in zip(cells.tolist(), empty.tolist(), strict=True)]


def texts_of(cells: Raw) -> list[str] | None:
    """The texts of a column that has some; numbers among them are spelt. None for any other column."""
    if not isinstance(cells, list):
        return None
    kinds = set(map(type, cells))
    if kinds == {str}:
        return cells
    if not all(issubclass(kind, (str, int, float)) and kind is not bool for kind in kinds):
        return None
    return [cell if isinstance(cell, str) else str(cell) for cell in cells]


def as_it_is(cells: Raw) -> Column:
    """A column of numbers, truth values, dates or lists."""
    import pandas

    if not isinstance(cells, list):
        return Column(cells)
    return Column(pandas.Series([None if _blank(cell) else cell for cell in cells], dtype=object))


def _blank(cell: Any) -> bool:
    return isinstance(cell, str) and not cell


@dataclass
class _Odd:
    """The distinct cells that are not plain numbers, sorted by what they are."""

    absent: Counter[str] = field(default_factory=Counter)
    parsed: dict[str, Numeral] = field(default_factory=dict)
    strangers: Counter[str] = field(default_factory=Counter)


def column_of(name: str, cells: list[str], sign: Sign) -> Column:
    """The column that texts make.

    Args:
        name: the column's name, for notes.
        cells: the texts.
        sign: what stands before the decimals.
    """
    values, whole = _quick(cells, sign)
    strange = np.flatnonzero(np.isnan(values))
    counts = Counter(cells[place].strip() for place in strange)
    odd = _sorted(counts, sign)
    plain = len(cells) - len(strange)
    if not plain and not odd.parsed and any(odd.strangers):
        return _texts(name, cells, Counter())
    if odd.strangers:
        return _texts(name, cells, odd.strangers, plain)
    if whole and _zeros(cells):
        return _texts(name, cells, Counter(), coded=True)
    units = Counter({"": plain}) + _by_unit(counts, odd.parsed)
    if len(units) > 1 or not _credible(odd.parsed):
        return _texts(name, cells, Counter(), units=units)
    for place in strange:
        found = odd.parsed.get(cells[place].strip())
        values[place] = np.nan if found is None else found.value
    column = _numbers(name, values, whole and all(_is_whole(text) for text in odd.parsed), odd)
    column.limits = limits_in(cells, strange.tolist(), odd.absent, sign, column.unit)
    return column


def _quick(cells: list[str], sign: Sign) -> tuple[NDArray[np.float64], bool]:
    """The plain numbers among texts, NaN for the others, and whether all of them are written as whole ones."""
    import pandas

    texts = cells if sign == "." else _pointed(cells)
    found = pandas.to_numeric(pandas.Series(texts, dtype=object), errors="coerce")
    values = np.array(found.to_numpy(dtype=np.float64, na_value=np.nan))
    held = np.flatnonzero(np.isfinite(values))
    if not len(held) or (values[held] != np.rint(values[held])).any():
        return values, False
    return values, all(_is_whole(texts[place]) for place in held)


def _pointed(cells: list[str]) -> list[str]:
    """Numbers with a decimal comma written with a point; a cell with a point is no plain number then."""
    if any("." in cell for cell in cells):
        return ["" if "." in cell else cell.replace(",", ".") for cell in cells]
    return "\0".join(cells).replace(",", ".").split("\0")  # a tenth of the time for a million cells


def _is_whole(text: str) -> bool:
    return "." not in text and "," not in text and "e" not in text and "E" not in text


def _sorted(counts: Counter[str], sign: Sign) -> _Odd:
    odd = _Odd()
    for text, count in counts.items():
        found = None if is_missing(text) else numeral(text, sign)
        if found is not None:
            odd.parsed[text] = found
        elif is_missing(text):
            odd.absent[text] = count
        else:
            odd.strangers[text] = count
    return odd


def _by_unit(counts: Counter[str], parsed: Mapping[str, Numeral]) -> Counter[str]:
    units: Counter[str] = Counter()
    for text, found in parsed.items():
        units[found.unit] += counts[text]
    return units


def _credible(parsed: Mapping[str, Numeral]) -> bool:
    """Whether the units are known, or stand behind several numbers."""
    return len({one.value for one in parsed.values()}) != 1 or all(
        not one.unit or is_unit(one.unit) for one in parsed.values()
    )


def _zeros(cells: Iterable[str]) -> bool:
    """Whether a whole number starts with a zero, as names do."""
    return any(cell[:1] == "0" and len(cell) > 1 and cell.isdigit() for cell in cells)


def _numbers(name: str, values: NDArray[np.float64], whole: bool, odd: _Odd) -> Column:
    import pandas

    counted = whole and not np.isnan(values).any() and bool((np.abs(values) < 2**53).all())
    first = next(iter(odd.parsed.values()), None)
    column = Column(pandas.Series(values.astype(np.int64) if counted else values, name=name), absent=odd.absent)
    if first is not None:
        column.unit, column.gap = first.unit, first.gap
    column.notes = [*_said(name, odd), *_asked(name, values, whole)]
    return column


def _said(name: str, odd: _Odd) -> list[str]:
    notes = []
    words = Counter({word: count for word, count in odd.absent.items() if word and not is_limit(word)})
    if words:
        notes.append(f"{name}: {words.total()} cells read as no value: {shown(words)}")
    notes += unused(name, odd.absent)
    unit = next((one.unit for one in odd.parsed.values()), "")
    if unit:
        notes.append(f'{name}: the unit "{unit}" was read off the cells')
    grouped = next((text for text, one in odd.parsed.items() if one.grouped), None)
    if grouped:
        notes.append(f'{name}: thousands separated, "{grouped}" read as {odd.parsed[grouped].value:.12g}')
    return notes


def _asked(name: str, values: NDArray[np.float64], whole: bool) -> list[str]:
    """A question where whole numbers may be names."""
    if not whole or unit_in(name) or not NAMES & set(words_of(name)):
        return []
    seen = np.unique(values[np.isfinite(values)])[:2]
    listed = " and ".join(f"{value:.0f}" for value in seen)
    return [f'{name}: {listed} may be names: if so, make it a category (kind = "category")']


def _texts(
    name: str, cells: list[str], strangers: Counter[str], plain: int = 0, units: Counter[str] | None = None,
    coded: bool = False,
) -> Column:  # fmt: skip
    import pandas

    texts = [cell.strip() for cell in cells]
    absent = Counter(text for text in texts if text in EMPTY_TEXTS)
    held = sum(is_held(text) for text in texts)
    kept: list[Any] = [None if text in EMPTY_TEXTS else released(text) for text in texts]
    notes = _said_of_texts(name, absent, held)
    if strangers and plain >= NUMERIC * (len(cells) - absent.total()):
        notes.append(f"{name}: read as texts, for not all cells are numbers: {shown(strangers)}")
    if units is not None and len(units) > 1:
        listed = ", ".join(f'{count} "{unit}"' if unit else f"{count} none" for unit, count in units.most_common(5))
        notes.append(f"{name}: read as texts, for the cells have several units: {listed}")
    if coded:
        notes.append(f'{name}: leading zeros ("{next(cell for cell in cells if _zeros([cell]))}"), read as names')
    return Column(
        pandas.Series(kept, name=name, dtype=object), absent=absent, strangers=strangers if plain else Counter(),
        notes=notes,
    )  # fmt: skip


def _said_of_texts(name: str, absent: Counter[str], held: int) -> list[str]:
    words = Counter({word: count for word, count in absent.items() if word})
    notes = [f"{name}: {words.total()} cells read as empty: {shown(words)}"] if words else []
    if held:
        notes.append(f"{name}: {held} cells read without the ' that keeps a spreadsheet from running them")
    return notes
