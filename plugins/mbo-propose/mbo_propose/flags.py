"""How far a proposal can be trusted, by a written rule.

A proposal gets the first flag whose rule holds:

`do not trust`
    the verdict on the table is "does not"; or the design lies outside the space; or farther from every tried design
    than three times the reach; or a number lies beyond the range of the tried ones by more than its width; or the
    prediction lies beyond all scores by more than their range; or success is unlikely (below one half); or a limit
    is likely to be broken; or within half a spacing the adversary finds a fall of the prediction that exceeds both
    the claimed gain and twice the error on held-out rows.
`extrapolates`
    the design lies farther from every tried design than the reach, which 95 % of these keep from their nearest; or a
    number lies beyond the range of the tried ones; or a level was tried less than twice.
`close`
    anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.columns import Category
from mbo_core.tasks.space import Space

Flag = Literal["close", "extrapolates", "do not trust"]

FAR = 3.0
"""Reaches from the nearest tried design, beyond which nothing is known."""
ROUNDING = 1e-9

Values = NDArray[np.float64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Facts:
    """What the flags of n designs depend on; scores with the program's sign, larger is better.

    Attributes:
        x: (n, length) the designs.
        distance: (n,) to the nearest tried design, in spacings.
        predicted: (n,) their predictions.
        gap: (n,) how far the adversary lowers these.
        success: (n,) the probability to get a score, or None if it was not learned.
        kept: (n,) the probability to keep all limits, or None without limits.
    """

    x: NDArray[Any]
    distance: Values
    predicted: Values
    gap: Values
    success: Values | None = None
    kept: Values | None = None


@dataclass(frozen=True, eq=False)
class Known:
    """The tried designs and what is known of the table.

    Attributes:
        space: the space.
        tried: (N, length) the tried designs.
        y: (N,) their scores, larger is better.
        reach: of the spacing.
        error: the root mean squared error on held-out rows.
        supports: whether the verdict on the table is other than "does not".
    """

    space: Space
    tried: NDArray[Any]
    y: Values
    reach: float
    error: float
    supports: bool


def flags(facts: Facts, known: Known) -> tuple[list[Flag], list[str]]:
    """The flag of each design, and its reason in words; empty for `close`."""
    return _first([*_distrusted(facts, known), *_extrapolating(facts, known)], len(facts.x))


def _first(rules: Sequence[tuple[Flag, str, Marks]], count: int) -> tuple[list[Flag], list[str]]:
    found: list[Flag] = ["close"] * count
    why = [""] * count
    for flag, reason, marks in reversed(rules):
        for row in np.flatnonzero(marks):
            found[row], why[row] = flag, reason
    return found, why


def _distrusted(facts: Facts, known: Known) -> list[tuple[Flag, str, Marks]]:
    best, worst = float(known.y.max()), float(known.y.min())
    spike = facts.gap > np.maximum(facts.predicted - best, 2 * known.error)
    rules = [
        ("outside the space", ~known.space.contains(facts.x)),
        ("far from every tried design", facts.distance > FAR * known.reach),
        ("a number far beyond those tried", _beyond(facts.x, known, 1.0)),
        ("the prediction lies far beyond all scores", facts.predicted > best + (best - worst)),
        ("success is unlikely", _unlikely(facts.success, len(facts.x))),
        ("a limit is likely to be broken", _unlikely(facts.kept, len(facts.x))),
        ("the predicted gain does not survive the adversary", spike),
        ("the table does not support an improvement", np.full(len(facts.x), not known.supports)),
    ]
    return [("do not trust", reason, marks) for reason, marks in rules]


def _extrapolating(facts: Facts, known: Known) -> list[tuple[Flag, str, Marks]]:
    rules = [
        ("farther out than tried designs are from each other", facts.distance > known.reach * (1 + ROUNDING)),
        ("a number beyond those tried", _beyond(facts.x, known, 0.0)),
        ("a level that was hardly tried", _rare(facts.x, known)),
    ]
    return [("extrapolates", reason, marks) for reason, marks in rules]


def _unlikely(chance: Values | None, count: int) -> Marks:
    return np.zeros(count, dtype=bool) if chance is None else np.asarray(chance < 0.5)


def _beyond(x: NDArray[Any], known: Known, widths: float) -> Marks:
    """Whether a number of each design lies beyond the range of the tried ones, by more than some widths."""
    places = np.flatnonzero(known.space.numbers)
    low, high = known.tried[:, places].min(0), known.tried[:, places].max(0)
    width = high - low
    # A column that never varied has no width: its own size is the unit.
    unit = np.where(width > 0, width, np.maximum(np.abs(high), 1.0))
    room = widths * unit + ROUNDING * np.maximum(np.abs(high), width)
    beyond = np.maximum(low - x[:, places], x[:, places] - high)
    return np.asarray((beyond > room).any(1))


def _rare(x: NDArray[Any], known: Known) -> Marks:
    rare = np.zeros(len(x), dtype=bool)
    for column, part in known.space.parts(x):
        if isinstance(column, Category):
            place = known.space.place(column.name).start
            counts = np.bincount(known.tried[:, place].astype(int), minlength=len(column.known))
            rare |= counts[np.clip(part[:, 0].astype(int), 0, len(counts) - 1)] < 2
    return rare
