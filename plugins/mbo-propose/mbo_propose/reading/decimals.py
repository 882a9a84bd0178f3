"""The sign before the decimals, from what all columns of a table say together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mbo_propose.reading.numerals import Sign, Votes, votes

SAMPLE = 1000
"""So many cells of each column, spread over it, are asked."""
SAID: dict[Sign, str] = {".": "decimal point", ",": "decimal comma"}


class Decimals(NamedTuple):
    """The sign before the decimals.

    Attributes:
        sign: of the table.
        own: of the columns that say for certain, by name.
        notes: columns that differ, and a question if `1,234` may be two numbers.
    """

    sign: Sign
    own: dict[str, Sign]
    notes: list[str]


def decimals(columns: Mapping[str, list[str]], delimiter: str) -> Decimals:
    """The sign before the decimals of a table's columns.

    `1,5` and `1.234,5` are certain, `1,234` is not: it follows the rest of the table, or else the delimiter.
    """
    counted = {name: votes(cells[:: max(1, len(cells) // SAMPLE)]) for name, cells in columns.items()}
    own = {name: certain for name, one in counted.items() if (certain := one.sign()) is not None}
    if own:
        commas = sum(one == "," for one in own.values())
        sign: Sign = "," if 2 * commas > len(own) else "."
        notes = [f"{name}: {SAID[one]}, unlike the other columns" for name, one in own.items() if one != sign]
        return Decimals(sign, own, notes)
    return _undecided(counted, columns, delimiter)


def _undecided(counted: Mapping[str, Votes], columns: Mapping[str, list[str]], delimiter: str) -> Decimals:
    """The sign of a table in which no cell is certain."""
    commas = [name for name, one in counted.items() if one.open_comma]
    points = [name for name, one in counted.items() if one.open_point]
    sign: Sign = "," if commas and not points and delimiter != "," else "."
    asked = commas or (points if delimiter == ";" else [])
    if not asked:
        return Decimals(sign, {}, [])
    mark = "," if commas else "."
    cell = next(cell.strip() for cell in columns[asked[0]] if mark in cell and votes([cell]) != Votes())
    question = f'{asked[0]}: "{cell}" may have decimals or thousands; read with a {SAID[sign]}'
    return Decimals(sign, {}, [f'{question}: if that is wrong, write "1234" without a separator'])
