"""The table of proposals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mbo_propose.record import CANNOT_TELL, Proposal, Proposals
from mbo_propose.report.words import cell, plural, short

COLUMNS = 30
"""Columns of designs that are shown."""


@dataclass(frozen=True)
class Cell:
    """A cell: what is shown, and what it is sorted by; an empty key comes last."""

    shown: str
    key: str
    numeric: bool
    flag: str = ""


@dataclass(frozen=True)
class Table:
    """The table of proposals.

    Attributes:
        heads: the titles of the columns, and what each means.
        numeric: whether each column holds numbers.
        rows: the cells.
        words: what is not in the table, a sentence each.
    """

    heads: list[tuple[str, str]]
    numeric: list[bool]
    rows: list[list[Cell]]
    words: list[str]


KNOWN = {
    "flag": "how far it can be trusted",
    "predicted": "the predicted score",
    "spread": "the standard deviation of the prediction",
    "lower bound": "reached by 9 of 10 such designs",
    "gain": "over the best tried score; above zero is better",
    "gap": "what an adversary takes off the prediction within half a spacing",
    "distance": "to the nearest tried design, in spacings of the data",
    "nearest row": "the row of that design in the table; the first is 0",
    "success": "the chance to get a score at all",
    "limits": "the chance to keep all limits",
    "tier": "safe, stretch or explore, by distance",
    "why": "the reason for the flag",
}
FIRST = 2
"""So many of these stand before the design, where narrow screens show them."""


def table(made: Proposals) -> Table:
    """The table of proposals; what is the same in all of them is a sentence."""
    names, words = _columns(made)
    rows = [_row(place, one, names) for place, one in enumerate(made.proposals, 1)]
    known = [(name, why) for name, why in KNOWN.items() if not made.proposals or _has(made.proposals[0], name)]
    heads = [("#", "the place in the batch"), *known[:FIRST], *((name, "") for name in names), *known[FIRST:]]
    numeric = [all(row[place].numeric for row in rows) for place in range(len(heads))]
    return Table(heads, numeric, rows, words)


def _columns(made: Proposals) -> tuple[list[str], list[str]]:
    designs = [one.design for one in made.proposals]
    if not designs:
        return [], []
    same = [name for name in designs[0] if len(designs) > 1 and all(one[name] == designs[0][name] for one in designs)]
    names = [name for name in designs[0] if name not in same]
    words = []
    if same:
        listed = ", ".join(f"{name} {cell(designs[0][name])}" for name in same[:COLUMNS])
        more = f" and {plural(len(same) - COLUMNS, 'other column')}" if len(same) > COLUMNS else ""
        words.append(f"The same in all proposals: {listed}{more}.")
    if len(names) > COLUMNS:
        words.append(f"{COLUMNS} of {len(names)} columns are shown; proposals.csv has all.")
    return names[:COLUMNS], words


def _has(one: Proposal, name: str) -> bool:
    return not (name == "success" and one.success is None) and not (name == "limits" and one.kept is None)


def _row(place: int, one: Proposal, names: list[str]) -> list[Cell]:
    cells = [_number(place, str(place)), Cell(one.flag, one.flag, False, one.flag), _number(one.predicted)]
    cells += [_given(one.design[name]) for name in names]
    lower = Cell(CANNOT_TELL, "", True) if one.lower is None else _number(one.lower)
    cells += [_number(one.spread), lower, _number(one.gain), _number(one.gap)]
    cells += [_number(one.distance, f"{one.distance:.2f}"), _number(one.nearest_row, str(one.nearest_row))]
    cells += [_number(chance, f"{chance:.2f}") for chance in (one.success, one.kept) if chance is not None]
    tier = {"safe": "0", "stretch": "1", "explore": "2"}.get(one.tier, one.tier)
    return [*cells, Cell(one.tier, tier, False), Cell(one.why, one.why, False)]


def _given(value: Any) -> Cell:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value, cell(value))
    return Cell(cell(value), cell(value), False)


def _number(value: float, shown: str | None = None) -> Cell:
    key = repr(float(value)) if math.isfinite(value) else ""
    return Cell(short(value) if shown is None else shown, key, True)
