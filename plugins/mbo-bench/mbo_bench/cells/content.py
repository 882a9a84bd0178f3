"""`cell.json`: what the tables need of a finished cell, so that a report reads one small file for each."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mbo_bench.cells.cell import Cell
from mbo_core.runs.store import Folder, to_json, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mbo_core.runs.result import Result, Trial

NAME = "cell.json"
FORMAT = 1
PERCENTILES = (100, 80, 50)
MEASURES = (*(f"{q}th" for q in PERCENTILES), "mean")


def write_content(result: Result, cell: Cell, place: Path, final: Path) -> None:
    """Write `cell.json` beside a run, and where the run's folder will be into its record.

    Args:
        result: the run.
        cell: the cell.
        place: where the cell is now, with the run in a folder of the same name.
        final: where the run's folder will be.
    """
    folder = Folder(place / final.name)
    record = folder.load_record()
    # Written by the core, as the record holds its own checksum.
    folder.record({name: value for name, value in {**record, "run": str(final)}.items() if name != "sha256"})
    write(place / NAME, to_json(content(result, cell, record)) + "\n")


def content(result: Result, cell: Cell, record: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of each seed, and what a table says about the cell."""
    trials = [result.trials.get(seed) for seed in cell.seeds]
    return {
        "format": FORMAT,
        "key": cell.key,
        "recipe": record["recipe"],
        "preset": record["preset"],
        "constants": record["constants"],
        "changed": bool(result.recipe.changed),
        "task": cell.task,
        "seeds": cell.seeds,
        "scores": {name: scores_of(trials, name, result.task.sign) for name in ("normalised", "raw")},
        "oracles": record["scores_by_oracle"],
        "best_in_data": record["best_in_data"],
        "gap": record["gap"],
        "predicted_less_true": record["predicted_less_true"],
        "candidates": record["candidates"],
        "failed": record["failed"],
        "designs": [None if trial is None else digest(trial.raw) for trial in trials],
        "seconds": record["seconds"],
        "versions": record["versions"],
        "machine": record["machine"],
    }


def digest(designs: NDArray[Any]) -> str:
    """A digest of raw designs (n, length): equal digests mean equal designs."""
    return sha256(f"{designs.dtype}{designs.shape}".encode() + designs.tobytes()).hexdigest()[:20]


def scores_of(trials: list[Trial | None], name: str, sign: int) -> dict[str, list[float | None]]:
    """The measures of each seed, None for a seed without a score; `sign` is -1 if raw scores are minimised."""
    # The 100th percentile is the best score, also where that is the smallest.
    turn = sign if name == "raw" else 1
    rows = [_measures(trial, name, turn) for trial in trials]
    return {of: [row.get(of) for row in rows] for of in MEASURES}


def _measures(trial: Trial | None, name: str, turn: int) -> dict[str, float]:
    from mbo_core.tasks.scoring import percentile

    if trial is None or name not in trial.scores:
        return {}
    values = turn * trial.scores[name]
    found = {f"{q}th": turn * percentile(values, q) for q in PERCENTILES}
    return {**found, "mean": turn * float(np.mean(values))}
