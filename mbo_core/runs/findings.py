"""What the core tells people about the candidates of a run: facts on raw designs, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mbo_core.runs.notes import Note
from mbo_core.tasks.table import Table

SEARCH = "search"
"""The source of these notes."""

STILL = 1e-6
"""A candidate within this many standard deviations of a start, in each column, has not left it."""

ROUNDING = 1e-5
"""A candidate this far outside the data, in widths of a column, is inside up to the rounding of float32."""


class Found(NamedTuple):
    """The candidates of one seed."""

    raw: NDArray[Any]
    """(n, length)"""
    predicted: NDArray[np.float64] | None
    """(n,) raw scores, or None."""


def findings(table: Table, found: Mapping[int, Found], searched: bool) -> list[Note]:
    """Notes on the candidates of a run.

    Args:
        table: the visible designs and scores.
        found: the candidates by seed.
        searched: whether the search took any step; without one, candidates are meant to be rows of the data.
    """
    if not found:
        return []
    every = np.concatenate([one.raw for one in found.values()])
    predicted = [one.predicted for one in found.values() if one.predicted is not None]
    known = {seed: _known(table.x, one.raw) for seed, one in found.items()} if searched else {}
    notes = [*_repeats(found, known), *_still(table, found, known)] if searched else []
    texts = [*_outside(table, every), *(_beyond(table, np.concatenate(predicted)) if predicted else ())]
    return notes + [Note(None, SEARCH, text) for text in texts]


def _known(x: NDArray[Any], raw: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each candidate is a row of x, (n,)."""
    wanted = {design.tobytes() for design in raw}
    seen = wanted.intersection(design.tobytes() for design in x)
    return np.array([design.tobytes() in seen for design in raw])


def _still(table: Table, found: Mapping[int, Found], known: Mapping[int, NDArray[np.bool_]]) -> Iterator[Note]:
    for seed, one in found.items():
        if (known[seed] | _near(table, one.raw)).all():
            text = f"none of {len(one.raw)} candidates left its start: is the step size meant for this space?"
            yield Note(seed, SEARCH, text)


def _near(table: Table, raw: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each candidate is, up to rounding, one of the best designs of the data, (n,)."""
    starts = table.x[np.argsort(-table.y, kind="stable")[: len(raw)]]
    close = np.where(table.space.numbers, STILL * table.x.std(axis=0), 0)
    return np.array([(np.abs(starts - design) <= close).all(axis=1).any() for design in raw])


def _repeats(found: Mapping[int, Found], known: Mapping[int, NDArray[np.bool_]]) -> Iterator[Note]:
    """How many candidates repeat another of their seed, or the data."""
    total = sum(len(one.raw) for one in found.values())
    again = total - sum(len({design.tobytes() for design in one.raw}) for one in found.values())
    rows = sum(int(one.sum()) for one in known.values())
    if again or rows:
        text = f"{again:,} of {total:,} candidates repeat another of the same seed, {rows:,} repeat the data"
        yield Note(None, SEARCH, text)


def _outside(table: Table, raw: NDArray[Any]) -> Iterator[str]:
    """How many candidates lie outside the range of a column of the data, and how far.

    The unit is the column's standard deviation: the gap between neighbouring values would shrink with the number of
    rows, so that the same candidate would look farther away from a larger table.
    """
    numbers = table.space.numbers
    if not numbers.any():
        return
    low, high, std = table.x.min(axis=0), table.x.max(axis=0), table.x.std(axis=0)
    beyond = np.where(numbers, np.maximum(low - raw, raw - high), 0.0)
    slack = ROUNDING * (high - low) + STILL * np.maximum(np.abs(low), np.abs(high))
    outside = beyond > slack
    count = int(outside.any(axis=1).sum())
    if not count:
        return
    # A column that never varies has no spread; its own size is then the unit.
    unit = np.where(std > 0, std, np.maximum(np.abs(high), 1.0))
    far = np.where(outside, beyond / unit, 0.0).max(axis=0)
    column = int(far.argmax())
    yield (
        f"{count:,} of {len(raw):,} candidates lie outside the range of the data, by up to {far[column]:.3g} standard"
        f" deviations in column {table.space.named(column)}"
    )


def _beyond(table: Table, predicted: NDArray[np.float64]) -> Sequence[str]:
    """How many predictions lie beyond the range of the scores by more than its width."""
    low, high = float(table.y.min()), float(table.y.max())
    beyond = np.maximum(low - predicted, predicted - high)
    count = int((beyond > high - low).sum())
    if not count or high == low:
        return []
    times = float(beyond.max()) / (high - low)
    fact = f"{count:,} of {len(predicted):,} predicted scores lie beyond the range of the scores by more than its width"
    return [f"{fact}, by up to {times:.3g} times"]


def moved_notes(outside: Mapping[int, int], count: int) -> list[Note]:
    """Notes on candidates that a search left beyond the bounds or sums of the space, so that decoding moved them."""
    text = "{moved} of {count} candidates lay beyond the bounds or sums of the space and were moved into it"
    return [Note(seed, SEARCH, text.format(moved=moved, count=count)) for seed, moved in outside.items() if moved]
