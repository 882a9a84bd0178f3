"""Rows that anyone can repeat: a finished cell with its recipe, versions and digests of its designs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mbo_bench.cells.cell import Cell
from mbo_bench.cells.content import MEASURES, digest
from mbo_core.errors import StoreError
from mbo_core.runs.store import read, slug, to_json, write

if TYPE_CHECKING:
    from mbo_core.plugins.registry import Registry
    from mbo_core.runs.result import Result

FORMAT = 1
FOLDER = "board"
BY_SEED = ("designs", "gap", "predicted_less_true")
CLOSE = 1e-3
"""Normalised scores that differ by less are taken for the same, as processors and libraries round in their own ways."""


def write_rows(folder: Path, out: Path) -> list[Path]:
    """Write a row for each finished cell of a bench."""
    from mbo_bench.durable.folder import Bench
    from mbo_bench.results import content_of

    bench = Bench.open(folder)
    finished = bench.finished()
    return [write_row(cell, content_of(bench.cell(cell.key)), out) for cell in bench.expected() if cell.key in finished]


def write_row(cell: Cell, content: Mapping[str, Any], out: Path) -> Path:
    """Write the row of a cell; its path."""
    path = out / FOLDER / f"{slug(cell.method)}.{slug(cell.task)}.{cell.key}.json"
    again = f"mbo bench --verify {path.name}"
    write(path, to_json({"format": FORMAT, "again": again, "cell": cell.plain(), "content": content}) + "\n")
    return path


@dataclass(frozen=True)
class Row:
    """A row of a board."""

    cell: Cell
    content: Mapping[str, Any]


def read_row(path: Path) -> Row:
    """The row in a file.

    Raises:
        StoreError: if it is not one.
    """
    values = read(path, json.loads)
    try:
        if values["format"] != FORMAT:
            raise StoreError(f"{path} has format {values['format']}, and this version of mbo-bench reads {FORMAT}")
        return _whole(Row(Cell.of(values["cell"]), values["content"]))
    except (LookupError, TypeError, ValueError) as error:
        raise StoreError(
            f"{path} is not a row of a board: {error!r}", "name a file that `mbo report --board` wrote"
        ) from error


def _whole(row: Row) -> Row:
    """The row, if it has what a table needs of each seed."""
    count = len(row.cell.seeds)
    scores = [row.content["scores"][name][of] for name in ("normalised", "raw") for of in MEASURES]
    for values in (*scores, *(row.content[name] for name in BY_SEED), *row.content["candidates"].values()):
        if len(values) != count:
            raise ValueError(f"{len(values)} values for {count} seeds")
    for name in ("recipe", "preset", "failed", "best_in_data", "seconds", "machine", "versions"):
        row.content[name]
    return row


def rows_in(folder: Path) -> Iterator[Row]:
    """The rows in a folder, or in its folder `board`."""
    place = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    for path in sorted(place.glob("*.json")):
        yield read_row(path)


@dataclass(frozen=True)
class Verdict:
    """Whether a row holds.

    Attributes:
        holds: whether the scores are those of the row.
        same: how many seeds have the very same designs.
        seeds: how many seeds there are.
        most: the largest difference of a normalised score; infinite if one has a score and the other has none.
        versions: the distributions of other versions: theirs and ours.
    """

    holds: bool
    same: int
    seeds: int
    most: float
    versions: dict[str, tuple[str, str]]

    @property
    def text(self) -> str:
        """The verdict for people."""
        word = "holds" if self.holds else "does not hold"
        same = f"{self.same} of {self.seeds} seeds have the same designs, scores differ by at most {self.most:.2g}"
        others = ", ".join(f"{name} {ours} instead of {theirs}" for name, (theirs, ours) in self.versions.items())
        return f"{word}: {same}" + (f"; other versions: {others}" if others else "")


def verify(row: Row, registry: Registry, device: str, out: Path | None) -> Verdict:
    """Repeat a row and compare it.

    Raises:
        MboError: if its recipe, task or plugins are not there.
    """
    import tomli

    from mbo_core.runs.execute import execute, versions
    from mbo_core.runs.planning import plan

    cell = row.cell
    planned = plan(tomli.loads(cell.recipe), cell.task, list(cell.seeds), registry=registry)
    result = execute(planned, out, device)
    ours = result.record(versions(registry))["versions"]
    theirs = row.content["versions"]
    used = [name for name in theirs if name in ours]
    other = {name: (theirs[name], ours[name]) for name in used if theirs[name] != ours[name]}
    same = sum(one == two for one, two in zip(row.content["designs"], _digests(result), strict=True))
    most = _most(row.content["scores"]["normalised"], result)
    return Verdict(most <= CLOSE, same, len(cell.seeds), most, other)


def _digests(result: Result) -> list[str | None]:
    trials = [result.trials.get(seed) for seed in result.seeds]
    return [None if trial is None else digest(trial.raw) for trial in trials]


def _most(theirs: Mapping[str, Any], result: Result) -> float:
    from mbo_bench.cells.content import scores_of

    trials = [result.trials.get(seed) for seed in result.seeds]
    ours = scores_of(trials, "normalised", result.task.sign)
    pairs = [pair for of in MEASURES for pair in zip(theirs[of], ours[of], strict=True)]
    return max((_apart(one, two) for one, two in pairs), default=0.0)


def _apart(one: float | None, two: float | None) -> float:
    if one is None or two is None:
        return 0.0 if one is two else float(np.inf)
    return abs(one - two)
