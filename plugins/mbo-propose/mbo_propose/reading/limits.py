"""Measured values of which only a limit is known, like `>100`: what they count as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mbo_propose.reading.missing import is_limit
from mbo_propose.reading.numerals import Sign, numeral, shown

if TYPE_CHECKING:
    from mbo_propose.reading.table import Table

_BELOW = "<\u2264"


def limit_of(text: str, sign: Sign, unit: str = "") -> float | None:
    """The number in a limit; None without one, as in `<LOD`, or in another unit than the column's.

    >>> limit_of(">100", "."), limit_of("<= 0,5 mg", ",", "mg"), limit_of("<LOD", "."), limit_of(">1 g", ".", "mg")
    (100.0, 0.5, None, None)
    """
    if not is_limit(text):
        return None
    found = numeral(text[1:].lstrip("="), sign)
    return found.value if found is not None and found.unit in ("", unit) else None


def limits_in(
    cells: list[str], places: list[int], words: Mapping[str, int], sign: Sign, unit: str
) -> dict[int, tuple[float, str]]:
    """The number and the text of the cells at some places that are limits with a number, by place.

    Args:
        cells: the texts of a column.
        places: where to look.
        words: the distinct texts that stand there.
        sign: what stands before the decimals.
        unit: the unit of the column.
    """
    values = {text: limit_of(text, sign, unit) for text in words}
    known = {text: value for text, value in values.items() if value is not None}
    texts = [(place, cells[place].strip()) for place in places] if known else []
    return {place: (known[text], text) for place, text in texts if text in known}


def unused(name: str, words: Mapping[str, int]) -> list[str]:
    """The note on limits in a column in which they are no values."""
    limits = Counter({word: count for word, count in words.items() if is_limit(word)})
    return [f"{name}: limits read as no value: {shown(limits)}"] if limits else []


def at_limits(table: Table, name: str, sign: int = 0) -> Table:
    """The table with limits that have a number as values of a measured column: `>100` counts as 100.

    A limit without a number, like `<LOD`, stays without a value.

    Args:
        table: the table.
        name: a measured column; the limits of any other stay without a value.
        sign: 1 if larger values are better, -1 if smaller ones are; 0 if neither.
    """
    known = table.limits.get(name, {})
    if not known:
        return table
    cells = table.frame[name].astype(float)
    cells.iloc[list(known)] = [value for value, _ in known.values()]
    words = Counter(text for _, text in known.values())
    absent = table.absent[name] - words
    before, after = unused(name, table.absent[name]), unused(name, absent)
    notes = [note for note in table.notes if note not in before]
    others = {key: limits for key, limits in table.limits.items() if key != name}
    return replace(
        table,
        frame=table.frame.assign(**{name: cells}),
        notes=[*notes, _said(name, words, sign), *after],
        absent={**table.absent, name: absent},
        limits=others,
    )


def _said(name: str, words: Counter[str], sign: int) -> str:
    better = [f'"{word}"' for word in words if sign == (-1 if word[0] in _BELOW else 1)]
    said = f"{name}: limits count as the number that they name: {shown(words)}"
    return said + (f"; those of {', '.join(better[:3])} may be better than that" if better else "")
