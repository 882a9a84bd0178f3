"""`mbo bench --dry-run`: the cells, what is done, what is left, and how long that may take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from mbo_bench.cells.cell import Cell
from mbo_bench.engines.driver import State
from mbo_bench.estimate import estimate
from mbo_core.cli.common import print_json, print_table
from mbo_core.cli.dry_run import duration
from mbo_core.text import say


def print_cells(planned: Sequence[Cell], state: State | None, retry: bool, as_json: bool) -> None:
    """Print the cells of a grid with their states, and an estimate; `state` is None for a folder that is new."""
    new = {cell.key: cell for cell in planned if cell.key}
    left = list(new.values()) if state is None else state.missing(retry)
    found = estimate(left, () if state is None else state.ledger.events)
    if as_json:
        cells = [{**_facts(cell), "state": _state(cell, state)} for cell in planned]
        print_json({"cells": cells, "seconds": found.seconds, "measured": found.measured, "unknown": found.unknown})
        return
    rows = [_row(list(cells), state) for _, cells in groupby(planned, lambda cell: (cell.task, cell.method))]
    print_table(["task", "method", ">cells", ">done", ">failed", ">left", "refused"], rows)
    say(f"{len(planned)} cells, {len(left)} to be run")
    if found.unknown < len(left):
        unknown = f"; {found.unknown} cells of methods that were not measured are not counted" if found.unknown else ""
        say(f"estimate: {duration(found.seconds)} of one process, from {found.measured} measured cells{unknown}")
    elif left:
        say("estimate: unknown, none of these methods was measured yet; `mbo run --dry-run` times a recipe")
    say("nothing was run")


def _facts(cell: Cell) -> dict[str, object]:
    return {"task": cell.task, "method": cell.method, "seeds": cell.seeds, "key": cell.key, "reason": cell.refused}


def _state(cell: Cell, state: State | None) -> str:
    if not cell.key:
        return "refused"
    return "missing" if state is None else state.of_cell(cell.key)


def _row(cells: list[Cell], state: State | None) -> list[str]:
    states = [_state(cell, state) for cell in cells]
    counts = [str(states.count(name)) for name in ("done", "failed", "missing")]
    return [cells[0].task, cells[0].method, str(len(cells)), *counts, cells[0].refused]
