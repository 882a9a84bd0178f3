"""The results of benches as one tidy frame: a row for each method, task and seed, missing ones too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbo_bench.board import rows_in
from mbo_bench.cells.cell import Cell
from mbo_bench.cells.content import FORMAT, MEASURES, NAME
from mbo_bench.durable.folder import NAME as BENCH
from mbo_bench.durable.folder import RUN, Bench
from mbo_bench.engines.driver import State
from mbo_core.errors import StoreError, warn
from mbo_core.runs.store import read

if TYPE_CHECKING:
    from pandas import DataFrame

SCORES = tuple(f"{name}_{of}" for name in ("normalised", "raw") for of in MEASURES)
OTHERS = ("gap", "predicted_less_true")
NUMBERS = (*SCORES, "best_in_data", "best_in_data_raw", *OTHERS, "distinct", "new", "seconds")
NAMES = ("bench", "method", "proxy", "adversary", "update", "recipe", "preset", "task")
TEXTS = ("device", "cell", "designs", "changed")
FURTHER = ("missing", "refused", "failed", "done")
COLUMNS = (*NAMES, "seed", "status", "reason", *NUMBERS, *TEXTS)


def load(*folders: str | Path) -> DataFrame:
    """The results of one or more benches, or of boards that others have written.

    Returns:
        A frame with a row for each method, task and seed of the grids that were asked for. `status` is `done`, `failed`
        (with `reason`), `refused` or `missing`; scores of rows that are not done are NaN. `normalised_100th`, `_80th`,
        `_50th` and `_mean` are those of the candidates of the seed, and so are the `raw_` ones. `seconds` is the
        cell's time divided by its seeds; `proxy`, `adversary` and `update` are those of a mix, and empty else. A method
        that an earlier folder has for the same task is called `method (folder)`.

    Raises:
        StoreError: for a folder that is not a bench.
    """
    from pandas import DataFrame

    rows = _told_apart([_one_each(_rows(Path(folder))) for folder in folders])
    return DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(NUMBERS, float))


def _one_each(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each method, task and seed, as cells of other grids may share seeds: the one that is furthest."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in rows:
        at = row["method"], row["task"], row["seed"]
        if at not in found or FURTHER.index(row["status"]) >= FURTHER.index(found[at]["status"]):
            found[at] = row
    return list(found.values())


def _told_apart(folders: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of all folders, each with its own names of methods."""
    seen: set[tuple[str, str]] = set()
    rows = []
    for own in folders:
        twice = {row["method"] for row in own if (row["method"], row["task"]) in seen}
        new = [{**row, "method": _of_folder(row) if row["method"] in twice else row["method"]} for row in own]
        seen |= {(row["method"], row["task"]) for row in new}
        rows += new
    return rows


def _of_folder(row: Mapping[str, Any]) -> str:
    return f"{row['method']} ({row['bench']})"


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    if not (folder / BENCH).exists() and (rows := list(rows_in(folder))):
        for row in rows:
            yield from _finished(row.cell, row.content, {"bench": str(folder)})
        return
    bench = Bench.open(folder)
    cells = bench.expected()
    state = State.of(bench, cells)
    for text in state.ledger.damaged:
        warn(text)
    for cell in cells:
        yield from _of_cell(cell, state)


def _of_cell(cell: Cell, state: State) -> Iterator[dict[str, Any]]:
    place = state.bench.cell(cell.key) if cell.key in state.finished else None
    found = None if place is None else content_of(place)
    status = state.of_cell(cell.key) if cell.key else "refused"
    reason = cell.refused or str(state.outcomes.get(cell.key, {}).get("reason", ""))
    about = {"bench": str(state.bench.path), "cell": str(place / RUN) if place else ""}
    if found is not None:
        yield from _finished(cell, found, about)
        return
    for seed in cell.seeds:
        yield {**_named(cell), **about, "seed": seed, "status": status, "reason": reason}


def _named(cell: Cell) -> dict[str, Any]:
    empty = dict.fromkeys((*NAMES, *TEXTS), "")
    return {**empty, "method": cell.method, "task": cell.task, **dict(cell.parts)}


def _finished(cell: Cell, found: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for place, seed in enumerate(cell.seeds):
        yield {**_named(cell), **about, "seed": seed, **_of_seed(found, place, seed)}


def content_of(folder: Path) -> dict[str, Any]:
    """The content of a finished cell.

    Raises:
        StoreError: if it is missing or corrupt.
    """
    found = read(folder / NAME, json.loads)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise StoreError(f"{folder / NAME} is not of this version of mbo-bench")
    return found


def _of_seed(found: Mapping[str, Any], place: int, seed: int) -> dict[str, Any]:
    reason = found["failed"].get(str(seed), "")
    scores = {f"{name}_{of}": values[place] for name, by in found["scores"].items() for of, values in by.items()}
    return {
        **scores,
        **{name: found[name][place] for name in OTHERS},
        **{name: values[place] for name, values in found["candidates"].items()},
        "recipe": found["recipe"],
        "preset": found["preset"] or "",
        "changed": "yes" if found.get("changed") else "",
        "status": "failed" if reason else "done",
        "reason": reason,
        "best_in_data": found["best_in_data"]["normalised"],
        "best_in_data_raw": found["best_in_data"]["raw"],
        "seconds": found["seconds"] / len(found["seeds"]),
        "device": found["machine"]["device"],
        "designs": found["designs"][place] or "",
    }
