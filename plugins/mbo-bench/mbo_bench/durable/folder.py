"""The folder of a bench.

```
bench.json            its format
grids/<digest>.json   the cells of a grid that was asked for, those that are refused among them
cells/<key>/run/      a finished cell: a run's folder as `mbo run` writes it, see `mbo show`
cells/<key>/cell.json its scores
attempts/             cells that are being run
claims/               who runs them
logs/<key>.txt        what a cell printed, if it printed anything
ledger.jsonl          a line for each attempt and its outcome
```

A cell is run in `attempts` and renamed into `cells` when it is complete, so what is there is whole, and there once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from mbo_bench.cells.cell import Cell
from mbo_bench.durable.ledger import Ledger
from mbo_core.errors import StoreError
from mbo_core.runs.store import creating, read, to_json, write

FORMAT = 1
NAME = "bench.json"
RUN = "run"
"""The folder of the run in that of a cell."""
PARTS = ("grids", "cells", "attempts", "claims", "logs")


@dataclass(frozen=True)
class Bench:
    """A bench's folder."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Bench:
        """The bench at `path`, which is made if there is nothing.

        Raises:
            StoreError: for a folder of something else, or of another format.
        """
        if (path / NAME).exists():
            return cls.open(path)
        with creating(path):
            if path.exists() and (not path.is_dir() or any(map(_is_foreign, path.iterdir()))):
                raise StoreError(f"{path} exists and is not a bench", "name another --out")
            for name in PARTS:
                (path / name).mkdir(parents=True, exist_ok=True)
        write(path / NAME, to_json({"format": FORMAT}) + "\n")
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> Bench:
        """The bench at `path`.

        Raises:
            StoreError: if there is none, or it is of another format.
        """
        if not (path / NAME).exists():
            raise StoreError(f"{path} is not a bench", "name a folder that `mbo bench --out` wrote")
        about = read(path / NAME, json.loads)
        found = about.get("format") if isinstance(about, dict) else None
        if found != FORMAT:
            fact = f"{path} has format {found}, and this version of mbo-bench reads {FORMAT}"
            raise StoreError(fact, "install the version that wrote it")
        return cls(path)

    @property
    def claims(self) -> Path:
        """The folder of claims."""
        return self.path / "claims"

    @property
    def ledger(self) -> Ledger:
        """The ledger, not read yet."""
        return Ledger(self.path / "ledger.jsonl")

    def cell(self, key: str) -> Path:
        """The folder of a finished cell."""
        return self.path / "cells" / key

    def run(self, key: str) -> Path:
        """The run of a finished cell."""
        return self.cell(key) / RUN

    def log(self, key: str) -> Path:
        """What the processes of a cell printed."""
        return self.path / "logs" / f"{key}.txt"

    def finished(self) -> set[str]:
        """The keys of the finished cells."""
        return set(os.listdir(self.path / "cells"))

    def attempt(self, key: str, token: str) -> Path:
        """An empty place for an attempt at a cell.

        Attempts that died are removed: a cell starts again from nothing. Once runs can be resumed, the newest of them
        is to be renamed to this place instead.
        """
        for dead in (self.path / "attempts").glob(f"{key}.*"):
            shutil.rmtree(dead, ignore_errors=True)
        place = self.path / "attempts" / token
        with creating(place):
            place.mkdir()
        return place

    def publish(self, attempt: Path, key: str) -> bool:
        """Make a complete attempt the finished cell; False if there is one already."""
        try:
            os.rename(attempt, self.cell(key))
        except OSError as error:
            if not self.cell(key).exists():
                raise StoreError(f"cannot write {self.cell(key)}: {error.strerror}") from error
            shutil.rmtree(attempt, ignore_errors=True)
            return False
        return True

    def retract(self, key: str, token: str) -> None:
        """Remove a finished cell that is to be run again."""
        trash = self.path / "attempts" / f"{token}.old"
        if self.cell(key).exists():
            os.rename(self.cell(key), trash)
            shutil.rmtree(trash, ignore_errors=True)

    def add_grid(self, cells: Sequence[Cell]) -> None:
        """Remember the cells of a grid."""
        text = json.dumps([cell.plain() for cell in cells])
        path = self.path / "grids" / f"{sha256(text.encode()).hexdigest()[:20]}.json"
        if path.exists():
            os.utime(path)
        else:
            write(path, text)

    def expected(self) -> list[Cell]:
        """The cells of all grids. Of one method and task only those of the recipe that was asked for last are meant."""
        grids = sorted((self.path / "grids").glob("*.json"), key=lambda path: (path.stat().st_mtime, path.name))
        found: dict[Any, Cell] = {}
        last: dict[tuple[str, str], str] = {}
        for grid in grids:
            for cell in _cells(grid):
                found[cell.method, cell.task, cell.seeds] = cell
                last[cell.method, cell.task] = cell.recipe
        return [cell for cell in found.values() if cell.recipe == last[cell.method, cell.task]]


def _is_foreign(path: Path) -> bool:
    """Whether a file is none that a command leaves which is killed, or at work, while it makes the folder."""
    return path.name not in (*PARTS, NAME) and not path.name.startswith(f".{NAME}.")


def _cells(path: Path) -> list[Cell]:
    values = read(path, json.loads)
    try:
        return [Cell.of(one) for one in values]
    except (LookupError, TypeError, ValueError) as error:
        raise StoreError(
            f"{path} has an unexpected structure: {error!r}", "remove it and repeat the command"
        ) from error
