"""The task of a run: an object, an installed task or a file, with columns held and designs to start from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mbo_core.errors import Mistakes, RecipeError
from mbo_core.plugins.registry import Registry
from mbo_core.recipes.checks import check_run
from mbo_core.recipes.resolve import recorded_run
from mbo_core.runs.store import Folder, own_task
from mbo_core.tasks.files import read_table
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.source import names_file
from mbo_core.tasks.start import Start, start_designs
from mbo_core.tasks.task import Task
from mbo_core.toml import Document

FILE_KEYS = ("target", "minimize", "weights", "space", "ignore")
"""What `[run]` and the command line say of a file."""


@dataclass(frozen=True)
class Asked:
    """What a person asks for besides recipe and task.

    Attributes:
        table: how to read a file, by the names of `FILE_KEYS`.
        hold: columns that proposals keep at a value.
        start: designs to search from: a frame, an array, or a CSV file.
    """

    table: Mapping[str, Any] = field(default_factory=dict)
    hold: Mapping[str, Any] = field(default_factory=dict)
    start: Any = None


@dataclass(frozen=True)
class Opened:
    """A task ready for a run.

    Attributes:
        task: the task, with columns held.
        own_table: whether no plugin offers it.
        hold: the columns held, with their values.
        start: the designs to search from.
        files: the absolute paths of the space file and of the start designs, where they came from files.
    """

    task: Task
    own_table: bool
    hold: Mapping[str, Any]
    start: Start | None
    files: Mapping[str, str]


def open_task(task: Any, asked: Asked, document: Document, registry: Registry) -> Opened:
    """The task that is asked for, or else the one that the recipe names.

    Raises:
        RecipeError: for a missing, unknown or unsupported task, or options that do not go with it.
        TaskError: for unusable data.
    """
    mistakes = Mistakes()
    check_run(document, mistakes)
    mistakes.raise_if_any()
    found = _task(task, asked.table, document, registry)
    own = isinstance(task, Task) or found.source is not None
    recorded = _recorded(document)
    values = asked.hold or recorded.get("hold", {})
    held = found.held(values) if values else found
    hold = {one.name: one.value for one in held.space.columns if isinstance(one, Fixed) and one.name in values}
    start = recorded.get("start") if asked.start is None else asked.start
    space = {**recorded, **asked.table}.get("space") if found.source and found.source.space is not None else None
    given: dict[str, Any] = {"space": space, "start": start}
    files = {name: os.path.abspath(path) for name, path in given.items() if isinstance(path, (str, os.PathLike))}
    return Opened(held, own, hold, None if start is None else start_designs(start, held), files)


def _recorded(document: Document) -> dict[str, Any]:
    """The table `[run]`, its files as they stand beside the recipe."""
    recorded = dict(recorded_run(document))
    folder = document.path.parent if document.path else Path()
    paths: list[str] = [key for key in ("space", "start") if key in recorded]
    paths += ["task"] if names_file(str(recorded.get("task", ""))) else []
    return recorded | {key: str(folder / os.path.expanduser(recorded[key])) for key in paths}


def _task(task: Any, table: Mapping[str, Any], document: Document, registry: Registry) -> Task:
    if isinstance(task, Task):
        return task
    recorded = _recorded(document)
    name = recorded.get("task") if task is None else os.fspath(task) if isinstance(task, os.PathLike) else task
    if name is None:
        raise RecipeError("missing task", "name one with --task, or a table FILE.csv; `mbo list-tasks` lists tasks")
    if not isinstance(name, str):
        raise RecipeError(
            f"task has the unsupported type {type(name).__name__}", "give a name, a file, or mbo.Task(name, x, y)"
        )
    if names_file(name):
        return _read(name, table, recorded)
    if table:
        options = ", ".join(f"--{key}" for key in table)
        raise RecipeError(f'{options}: task "{name}" is not a file', "a file ends in .csv or .npz")
    if task is None:
        _refuse_own_table(document, name)
    return registry.task(name).loaded()


def _read(path: str, table: Mapping[str, Any], recorded: Mapping[str, Any]) -> Task:
    """The task in a file, read as the recipe says where nothing else is asked for."""
    known = {key: recorded[key] for key in FILE_KEYS if key in recorded}
    task = read_table(path, **{**known, **table})
    same = path == recorded.get("task") and task.source is not None and "sha256" in recorded
    if same and task.source is not None and task.source.sha256 != recorded["sha256"]:
        task.notes.append(f"{path} has changed since the run that this recipe records")
    return task


def _refuse_own_table(document: Document, name: str) -> None:
    """Refuse to repeat a run on the user's own table, which is no installed task."""
    path = document.path
    if path and Folder(path.parent).ran_on_own_table():
        python = f"mbo.run({json.dumps(str(path))}, {own_task(path.parent, name)})"
        raise RecipeError(f'task "{name}" of this run is your own table, not an installed task', f"in Python: {python}")
