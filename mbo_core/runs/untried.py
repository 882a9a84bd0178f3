"""Candidates of a small space: no design twice, and none that was tried, while others are left."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.space import Space

COUNTED = 100_000
"""Larger spaces are not listed; there a search seldom finds a design twice."""


class Left(NamedTuple):
    """The designs of a space that are left to try."""

    x: NDArray[Any]
    """(left, length)"""
    all: int
    """How many designs the space has."""


class Proposed(NamedTuple):
    """Distinct untried designs in place of candidates."""

    x: NDArray[Any]
    """(n, length)"""
    origin: NDArray[np.int64]
    """(n,) the place of each among the candidates, or -1 for one that replaces a candidate."""


def untried(space: Space, tried: NDArray[Any]) -> Left | None:
    """The designs that no row of `tried` (N, length) is; None for a space that is plain, or too large to list.

    In a plain space every row of numbers or tokens is a design; the published tasks have such spaces.
    """
    every = None if space.plain else space.enumerate(COUNTED)
    if every is None:
        return None
    # Adding 0 makes -0.0 and 0.0 equal to the last bit.
    known, every = {design.tobytes() for design in tried + 0}, every + 0
    return Left(every[[design.tobytes() not in known for design in every]], len(every))


def proposed(raw: NDArray[Any], left: Left, space: Space) -> Proposed:
    """Candidates (n, length) as distinct untried designs: each its own, or the nearest that no other takes.

    They are fewer if not as many are left, and stay as they are if none is left.
    """
    if not len(left.x):
        return Proposed(raw, np.arange(len(raw)))
    places = {design.tobytes(): place for place, design in enumerate(left.x)}
    free, origin = np.ones(len(left.x), dtype=bool), dict[int, int]()
    again = []
    for row, design in enumerate(raw):
        place = places.get(design.tobytes())
        if place is None or not free[place]:
            again.append(row)
        else:
            origin[place], free[place] = row, False
    order = {row: place for place, row in origin.items()}
    for row in again[: int(free.sum())]:
        far = space.distance(left.x, np.broadcast_to(raw[row], left.x.shape))
        order[row] = int(np.where(free, far, np.inf).argmin())
        free[order[row]] = False
    rows = sorted(order)
    kept = np.array([row if order[row] in origin else -1 for row in rows], dtype=np.int64)
    return Proposed(left.x[[order[row] for row in rows]], kept)


def remark(found: Proposed, asked: int, left: Left) -> str | None:
    """A sentence on what was done to the candidates of a seed; `asked` were wanted."""
    if not len(left.x):
        return f"all {left.all} designs of the space have been tried: every candidate repeats one"
    if len(left.x) < asked:
        return f"{len(left.x)} of the {left.all} designs of the space are left to try; all of them are proposed"
    count = int((found.origin < 0).sum())
    again = f"{count} of {asked} candidates repeated another or the data"
    return f"{again}, and were replaced by the nearest designs that were not tried" if count else None
