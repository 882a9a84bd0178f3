"""The rows of a data set: found, read, checked against the known facts, and cut to the visible ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks import Cells, Oracle, Task
from mbo_design_bench import checksums, data, shards
from mbo_design_bench.layout import SUBSAMPLE_SEED, Facts

Rows = tuple[NDArray[Any], NDArray[np.float64]]
Writer = Callable[[NDArray[Any]], Cells]


def command(facts: Facts) -> str:
    """The command that gets the data of a task."""
    return f"mbo data fetch {facts.name}" + ("" if facts.layout.mirrored else " --from DIR")


def hint(facts: Facts) -> str:
    """How to get the data of a task, or where to set their folder."""
    ways = [f"`{command(facts)}` gets the data", facts.archive.hint if facts.archive else ""]
    return "; or ".join([*filter(None, ways), f"set the folder that has them in {data.VARIABLE}"])


def place(facts: Facts) -> Path | None:
    """The folder of shards or else the archive with the data; None if neither is found."""
    homes = [root / facts.layout.folder for root in data.folders()]
    begun = [home for home in homes if any(data.exists(home / name) for name in facts.layout.files())]
    archive = data.find(facts.archive.file) if facts.archive else None
    whole = [home for home in begun if not lacking(home, facts)]
    return next(iter(whole), archive or next(iter(begun), None))


def lacking(home: Path, facts: Facts) -> int:
    """The number of files that a folder of shards lacks."""
    return sum(not data.exists(home / name) for name in facts.layout.files())


def missing(facts: Facts) -> str | None:
    """One line on missing data and the command that gets them, or None."""
    found = place(facts)
    if found is None:
        wanted = f"{facts.layout.folder}/" + (f" or {facts.archive.file}" if facts.archive else "")
        return f"{wanted} is missing from {' and '.join(map(str, data.folders()))}: {command(facts)}"
    if found.is_dir() and lacking(found, facts):
        count = len(facts.layout.files())
        return f"{found} lacks {lacking(found, facts)} of {count} files: {command(facts)}"
    return None


def read(facts: Facts) -> Rows:
    """All rows of a task, visible or not: x (N, d) int32 or float32, y (N,) float64.

    Raises:
        TaskError: if they are missing, damaged, changed since they arrived, or not those of Design-Bench.
    """
    line, found = missing(facts), place(facts)
    if line is not None or found is None:
        raise TaskError(f"{facts.name}: {line}", hint(facts))
    return from_folder(found, facts) if found.is_dir() else from_archive(found, facts)


def here(facts: Facts) -> Facts:
    """The facts of the present rows; an archive may differ from Design-Bench's."""
    found, archive = place(facts), facts.archive
    if archive is None or archive.rows is None or found is None or found.is_dir():
        return facts
    return replace(facts, rows=archive.rows, best=archive.best)


@contextmanager
def _hinted(facts: Facts) -> Iterator[None]:
    """Add the hint on how to get the files to errors about them."""
    try:
        yield
    except TaskError as error:
        error.hint = error.hint or hint(facts)
        raise


def from_folder(home: Path, facts: Facts) -> Rows:
    """All rows of a folder of shards; errors as in `read`."""
    with _hinted(facts):
        known = checksums.known(home, facts.layout)
        for name in facts.layout.files():
            if data.exists(home / name):
                checksums.verify(home / name, known)
        x, y = shards.read(home, facts.layout)
        if facts.rows not in {None, len(x)}:
            raise TaskError(f"{home} has {len(x)} rows, not {facts.rows}")
        return _agreed(x, y, facts, home)


def from_archive(path: Path, facts: Facts) -> Rows:
    """All rows of the archive; errors as in `read`."""
    with _hinted(facts):
        checksums.verify(path, checksums.recorded(path.parent))
        found = (facts.archive.read if facts.archive else data.pair)(path)
        x, y = found["x"], found["y"]
        for name, table, kinds in (("x", x, "iu" if facts.kind == "discrete" else "f"), ("y", y, "f")):
            if table.dtype.kind not in kinds:
                raise TaskError(f"{path}: {name} has dtype {table.dtype}")
        if y.shape != x.shape[:1]:
            raise TaskError(f"{path}: y has shape {y.shape} for x of shape {x.shape}")
        shards.conform(f"{path}: x", x, facts.layout.space)
        shards.conform(f"{path}: y", y[:, None], shards.SCORE)
        authentic(found, facts, str(path))
        return _agreed(x, y, facts, path)


def authentic(arrays: Mapping[str, NDArray[Any]], facts: Facts, origin: str) -> None:
    """Refuse arrays that differ from the published archive.

    Raises:
        TaskError: with both fingerprints.
    """
    found, known = data.fingerprint(arrays), facts.archive.fingerprint if facts.archive else None
    if found != known:
        raise TaskError(f"{origin} differs from the published {facts.name}: SHA-256 {found}", hint(facts))


def visible(y: NDArray[np.float64], facts: Facts) -> NDArray[np.bool_]:
    """The visible rows, (N,) bool.

    Both ends of the percentiles are included. With a limit, rows are drawn without replacement by a
    generator with a fixed seed, and keep their order.
    """
    low, high = np.percentile(y, facts.percentiles)
    seen: NDArray[np.bool_] = (y >= low) & (y <= high)
    rows = np.flatnonzero(seen)
    if facts.limit is not None and len(rows) > facts.limit:
        draws = np.random.Generator(np.random.PCG64(SUBSAMPLE_SEED)).random(len(rows))
        seen[rows[draws >= np.partition(draws, facts.limit)[facts.limit]]] = False
    return seen


def task(
    facts: Facts,
    rows: Rows,
    oracle: Oracle,
    notes: Mapping[str, Any] | None = None,
    *,
    ends: tuple[float, float] | None = None,
    cells: Writer | None = None,
) -> Task:
    """The task on the visible part of all rows.

    Args:
        facts: which task.
        rows: all its rows.
        oracle: scores its designs.
        notes: facts of this instance, e.g. the oracle's rank correlation.
        ends: the raw scores that normalise to 0 and 1; by default the smallest and the largest of all rows.
        cells: writes a design for people, if the space cannot.
    """
    x, y = rows
    seen = visible(y, facts)
    info = replace(facts.info, notes={**facts.info.notes, "rows": len(x), **(notes or {})})
    low, high = ends or (float(y.min()), float(y.max()))
    space, shown = facts.layout.space, (x[seen], y[seen])
    return Task(
        facts.name, *shown, space=space, oracle=oracle, y_min=low, y_max=high, info=info, cells=cells, replicates="keep"
    )


def _agreed(x: NDArray[Any], y: NDArray[Any], facts: Facts, origin: Path) -> Rows:
    """Check the ends of y against the published ones."""
    scores = y.astype(np.float64)
    for name, found, known in (("smallest", scores.min(), facts.y_min), ("largest", scores.max(), facts.y_max)):
        if abs(found - known) > 1e-5 * (facts.y_max - facts.y_min):
            raise TaskError(f"{origin}: the {name} y is {found:.7g}, not {known:.7g} as published")
    return x.astype(np.int32 if facts.kind == "discrete" else np.float32, copy=False), scores
