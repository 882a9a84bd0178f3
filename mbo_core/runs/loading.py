"""Load a stored run as a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from mbo_core.errors import MboError, StoreError
from mbo_core.plugins.registry import Registry, installed
from mbo_core.recipes.layers import find
from mbo_core.recipes.limits import fitted
from mbo_core.recipes.resolve import resolve
from mbo_core.runs.condition import status
from mbo_core.runs.notes import Note
from mbo_core.runs.prediction import KEPT_BYTES, Stored
from mbo_core.runs.records import HeldOut
from mbo_core.runs.result import Result, Trial, cells_of
from mbo_core.runs.store import DESIGNS, START, TABLE, Folder, in_seed, table, tensors_file
from mbo_core.tasks.files import read_table
from mbo_core.tasks.replicates import Replicates
from mbo_core.tasks.source import SPACE, Source
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_table import from_table, to_table
from mbo_core.tasks.task import Task


def load(
    folder: str | Path, task: Task | None = None, *, plugins: Sequence[object] = (), registry: Registry | None = None
) -> Result:
    """The result of a run from its folder, with its proxies if they were stored.

    Args:
        folder: the run's folder.
        task: the task, if no installed plugin offers it and the folder does not hold its table.
        plugins: as for `mbo.run`: the plugins given to the run that are not installed.
        registry: the installed plugins; by default those of this environment.

    Raises:
        StoreError: for a folder that is not a run, is corrupt, or lacks its task.
        RecipeError: for a recipe whose stages are not installed.
    """
    place = Folder(Path(folder))
    record = place.load_record()
    try:
        return _loaded(place, record, task, (registry or installed()).including(plugins))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"the record of run {place.path} has an unexpected structure: {error!r}") from error


def _loaded(place: Folder, record: Mapping[str, Any], task: Task | None, found: Registry) -> Result:
    loaded = task or stored_table(place) or _again(record, found, place)
    asked = resolve(find(place.path, found), found, kind=loaded.kind, task=loaded.name)
    recipe, cuts = fitted(asked, loaded.table.designs)
    seeds = tuple(record["seeds"])
    result = Result(recipe, loaded, seeds, folder=place.path, cuts=cuts)
    result.precision, result.device = record["machine"]["float32_products"], record["machine"]["device"]
    result.seconds, result.status, result.own_table = record["seconds"], status(place.path, record), record["own_table"]
    result.hold, result.started = record["hold"], record["start"]
    loaded.source = Source(**record["source"]) if record["source"] else loaded.source
    result.failed = {int(seed): reason for seed, reason in record["failed"].items()}
    result.notes = [Note(**note) for note in record["notes"]]
    result.cached = record["cached_proxies"]
    result.quality = _quality(seeds, record["held_out"])
    result.trials = {
        seed: load_trial(place, seed, loaded, gap)
        for seed, gap in zip(seeds, record["gap"], strict=True)
        if place.of_seed(seed, DESIGNS).exists()
    }
    result.predictors = Stored(place, recipe, loaded, seeds)
    return result


def store_start(folder: Folder, space: Space, x: NDArray[Any]) -> None:
    """Store the designs that the search starts from, (m, length)."""
    folder.write(START, table([space.cells(design) for design in x]))


def store_table(folder: Folder, task: Task) -> None:
    """Store the user's own table unless it is large, so that the run can be loaded without it; and its space file."""
    if task.source is not None and task.source.space is not None:
        folder.write(SPACE, task.source.space)
    if task.x.nbytes + task.y.nbytes <= KEPT_BYTES:
        about = {
            "name": task.name,
            "target": task.target,
            "minimize": task.sign < 0,
            "space": to_table(task.space),
            "y_min": task.y_min,
            "y_max": task.y_max,
        }
        tensors = {name: torch.tensor(getattr(task.table, name)) for name in _STORED}
        if task.table.replicates:
            about["pooled_std"] = task.table.replicates.pooled_std
            tensors["counts"] = torch.tensor(task.table.replicates.counts)
        folder.write(TABLE, tensors_file(tensors, {"task": about}))


def stored_table(folder: Folder) -> Task | None:
    """The task from a run's stored table, without its oracle; None if no table is stored.

    Raises:
        StoreError: if the file is corrupt.
    """
    path = folder.path / TABLE
    if not path.exists():
        return None
    tensors, about = folder.read_tensors(TABLE)
    try:
        made = _restored(about["task"], *(tensors[name].numpy() for name in _STORED))
        if "counts" in tensors:
            known = Replicates(tensors["counts"].numpy(), about["task"]["pooled_std"])
            made.table = replace(made.table, replicates=known)
        return made
    except (LookupError, TypeError) as error:
        raise StoreError(f"{path} has an unexpected structure: {error!r}") from error


_STORED = ("x", "y", "weights")


def _restored(about: Mapping[str, Any], x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any]) -> Task:
    sign, space = -1 if about["minimize"] else 1, from_table(about["space"])
    ends = sorted((sign * about["y_min"], sign * about["y_max"]))
    task = Task(
        about["name"],
        x,
        sign * y,
        weights=weights,
        space=space,
        minimize=sign < 0,
        y_min=ends[0],
        y_max=ends[1],
        replicates="keep",
    )
    task.target = about["target"]
    return task


def _again(record: Mapping[str, Any], registry: Registry, place: Folder) -> Task:
    """The task of a run whose table is not stored: from its file, or by its name."""
    name = record["task"]
    try:
        if record["source"]:
            source = Source(**record["source"])
            how: dict[str, Any] = {"target": source.target, "minimize": source.minimize, "weights": source.weights}
            space = None if source.space is None else place.path / SPACE
            found = read_table(source.path, **how, ignore=source.ignore, space=space)
        else:
            found = registry.task(name).loaded()
        return found.held(record["hold"]) if record["hold"] else found
    except MboError as error:
        fact = f'task "{name}" of the run {place.path} cannot be loaded: {error.message}'
        raise StoreError(fact, f"{error.hint}; or give it: mbo.load(folder, task=mbo.Task(...))") from error


def _quality(seeds: Sequence[int], held_out: Mapping[str, Any]) -> dict[int, HeldOut]:
    by_seed = zip(*(values["by_seed"] for values in held_out.values()), strict=True)
    whole = {seed: dict(zip(held_out, each, strict=True)) for seed, each in zip(seeds, by_seed, strict=True)}
    return {seed: HeldOut(**each) for seed, each in whole.items() if each["rows"] is not None}


def load_trial(place: Folder, seed: int, task: Task, gap: Any) -> Trial:
    """The trial of a seed from a run's folder.

    Raises:
        StoreError: if a file is missing or corrupt.
    """
    tensors = place.load_seed(seed)
    raw, encoded = tensors.pop("designs").numpy(), tensors.pop("encoded")
    predicted = tensors.pop("predicted").numpy() if "predicted" in tensors else None
    rows = _designs(place, seed)
    # Without the table for people, which needs the cells of the task, the tensors say all that counts.
    names = tuple(rows[0]) if rows else tuple(tensors)
    scores = {name: tensors[name].numpy() for name in names if name in tensors}
    columns = _columns(rows, {"in_data", "predicted", *scores, *(cells_of(task, raw[0]) if rows else ())})
    steps = [{name: _value(cell) for name, cell in row.items() if cell} for row in _rows(place, seed, "steps.csv")]
    return Trial(raw, encoded, predicted, scores, gap, steps, columns)


def _columns(rows: Sequence[Mapping[str, str]], known: set[str]) -> dict[str, list[int | float | str]]:
    names = rows[0] if rows else ()
    return {name: [_value(row[name]) for row in rows] for name in names if name not in known}


def _designs(place: Folder, seed: int) -> list[Mapping[str, str]]:
    expected = in_seed(seed, "designs.csv") in place.sums or place.of_seed(seed, "designs.csv").exists()
    return _rows(place, seed, "designs.csv") if expected else []


def _rows(place: Folder, seed: int, name: str) -> list[Mapping[str, str]]:
    return place.read_table(in_seed(seed, name))


def _value(cell: str) -> int | float | str:
    """The value of a CSV cell.

    >>> _value("3"), _value("3.0"), _value("train")
    (3, 3.0, 'train')
    """
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
