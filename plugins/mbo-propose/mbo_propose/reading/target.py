"""The column of the scores: found, checked, and what there is to ask about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import matching, nearest
from mbo_core.tasks.amounts import words_of
from mbo_core.tasks.cells import is_numeric, numbers
from mbo_core.tasks.remarks import SMALLER_IS_BETTER
from mbo_propose.reading.errors import TableError
from mbo_propose.reading.numerals import shown
from mbo_propose.reading.table import Table

LEAST = 8
"""So many rows with a score are needed."""


@dataclass(frozen=True, eq=False)
class Target:
    """The scores of a table.

    Attributes:
        name: the column.
        scores: (N,) in the target's own sign and unit, NaN where there is no score.
        unit: its unit, empty if unknown.
        notes: another spelling of the name, rows without a score, and a question about the direction.
    """

    name: str
    scores: NDArray[np.float64]
    unit: str
    notes: list[str]


def target(table: Table, name: str, *, minimize: bool | None = None) -> Target:
    """The scores in a column.

    Args:
        table: the table.
        name: the column, in any case.
        minimize: whether smaller scores are better; None if nobody said.

    Raises:
        TableError: for an unknown column, one of texts, a constant or infinite one, or fewer than 8 scores.
    """
    known = list(map(str, table.frame.columns))
    found = matching(name, known)
    if found is None:
        near = nearest(name, known)
        listed = f"columns: {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}"
        raise TableError(
            f'unknown target "{name}" in the table {table.name}',
            f"{near} {listed}" if near.startswith("did you mean") else listed,
        )
    scores = _scores(table, found)
    notes = [f'target "{name}": the column is called "{found}"'] if found != name else []
    return Target(found, scores, table.units.get(found, ""), notes + _said(table, found, scores, minimize))


def _scores(table: Table, name: str) -> NDArray[np.float64]:
    cells = table.frame[name]
    if not is_numeric(cells):
        raise _no_numbers(table, name)
    scores = numbers(cells)
    held = scores[~np.isnan(scores)]
    if not len(held):
        raise TableError(f'target "{name}" has no score: {_why(table, name)}', "name another --target")
    if np.isinf(held).any():
        row = table.rows[np.isinf(scores)][0]
        raise TableError(f'target "{name}" is infinite in row {row}', "leave the cell empty where nothing was measured")
    if len(held) < LEAST:
        fact = f'target "{name}" has a score in {len(held)} of {len(scores)} rows: {_why(table, name)}'
        raise TableError(fact, f"{LEAST} rows with a score are needed; {LEAST - len(held)} are missing")
    if held.min() == held.max():
        raise TableError(f'target "{name}" is always {held[0]:.12g}', "name a --target that varies")
    return scores


def _no_numbers(table: Table, name: str) -> TableError:
    """What keeps a column from being one of numbers."""
    strangers = table.strangers.get(name)
    if strangers:
        fact = f'target "{name}" has cells that are no numbers: {shown(strangers)}'
        return TableError(fact, 'fix them; leave the cell empty or write "n.d." where nothing was measured')
    cells = table.frame[name].dropna()
    if not len(cells):
        return TableError(f'target "{name}" has no score: {_why(table, name)}', "name another --target")
    numeric = [str(one) for one in table.frame.columns if is_numeric(table.frame[one])]
    first = str(cells.iloc[0])[:40]
    own = [note for note in table.notes if note.startswith(f"{name}: ")]
    fact = f'target "{name}" is a column of texts ("{first}"{"; " + "; ".join(own) if own else ""})'
    return TableError(fact, f"columns of numbers: {', '.join(numeric[:20])}")


def _why(table: Table, name: str) -> str:
    """What stands in the rows without a score."""
    absent = table.absent.get(name, Counter())
    words = Counter({word: count for word, count in absent.items() if word})
    count = int(table.frame[name].isna().sum())
    blank = count - words.total()
    parts = [*([f"{blank} blank"] if blank else []), *([shown(words)] if words else [])]
    return ", ".join(parts) or f"there are only {len(table.frame)} rows"


def _said(table: Table, name: str, scores: NDArray[np.float64], minimize: bool | None) -> list[str]:
    notes = []
    without = int(np.isnan(scores).sum())
    if without:
        notes.append(f"{without} of {len(scores)} rows have no {name} ({_why(table, name)})")
    if minimize is None and SMALLER_IS_BETTER & set(words_of(name)):
        notes.append(f'target "{name}" is maximised: is a smaller one better? Then say --minimize')
    return notes
