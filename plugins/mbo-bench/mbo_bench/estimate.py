"""How long the cells that are left will take, from those that were measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from mbo_bench.cells.cell import Cell
from mbo_bench.durable.ledger import STARTED


@dataclass(frozen=True)
class Estimate:
    """An estimate.

    Attributes:
        seconds: of all cells that can be estimated, one after another.
        measured: how many cells it rests on.
        unknown: how many cells of a method that was never measured are left.
    """

    seconds: float
    measured: int
    unknown: int


def estimate(left: Sequence[Cell], events: Iterable[Mapping[str, Any]]) -> Estimate:
    """The time of the cells that are left, by method and task, else by method alone, in proportion to the seeds."""
    of: dict[str, Mapping[str, Any]] = {}
    known: dict[tuple[str, ...], list[float]] = defaultdict(list)
    measured = 0
    for event in events:
        if event["event"] == STARTED:
            of[event["cell"]] = event
        elif event["event"] == "done" and (about := of.get(event["cell"])):
            measured += 1
            each = event["seconds"] / len(about["seeds"])
            known[about["method"], about["task"]].append(each)
            known[about["method"],].append(each)
    found = [_seconds(cell, known) for cell in left]
    return Estimate(sum(one for one in found if one is not None), measured, sum(one is None for one in found))


def _seconds(cell: Cell, known: Mapping[tuple[str, ...], list[float]]) -> float | None:
    each = known.get((cell.method, cell.task)) or known.get((cell.method,))
    return fmean(each) * len(cell.seeds) if each else None
