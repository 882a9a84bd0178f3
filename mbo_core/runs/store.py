"""A run's folder: JSON, CSV, TOML and safetensors, each written to a temporary name and then renamed."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mbo_core.errors import RecipeError, StoreError
from mbo_core.runs.checksums import RECORD, UNKNOWN, changed, check, checksum, wrong
from mbo_core.text import held, released

FORMAT = 1
"""The version of the folder's layout."""

DESIGNS = "designs.safetensors"
PROXY = "proxy.safetensors"
TABLE = "table.safetensors"
START = "start.csv"


class Unwritable(StoreError):
    """A file that cannot be written, as on a full disk."""


def write(path: Path, text: str | bytes, sync: bool = False) -> None:
    """Write a file completely or not at all; with `sync` also if the power fails.

    Raises:
        Unwritable: if the disk is full, or the folder cannot be written.
    """
    data = text.encode() if isinstance(text, str) else text
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        if sync:
            _synced(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror}", "free some space, or name another --out") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _synced(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def read(path: Path, parse: Callable[[str], Any]) -> Any:
    """Parse a file of a run's folder.

    Raises:
        StoreError: if it is missing or corrupt.
    """
    try:
        return parse(path.read_bytes().decode())
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}", "name the folder of one run") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is corrupt: {error}") from error


def tensors_file(tensors: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> bytes:
    """A file of tensors by name, with JSON metadata."""
    from safetensors.torch import save

    text = {name: json.dumps(value) for name, value in (about or {}).items()}
    content: bytes = save({name: value.contiguous() for name, value in tensors.items()}, text)
    return content


def read_tensors(path: Path, sha256: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a `tensors_file`: the tensors and their metadata.

    Args:
        path: the file.
        sha256: its checksum, where it is known.

    Raises:
        StoreError: if the file is missing or corrupt.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if sha256 is not None:
            check(path, path.read_bytes(), sha256)
        with safe_open(path, framework="pt") as file:
            about = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 - not a dict
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error


def slug(name: str) -> str:
    """A name that is safe as a file name.

    >>> slug("../my table.csv")
    'my-table.csv'
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-") or "run"


def named(path: Any, option: str) -> Path | None:
    """The path of an option, or None if it is not given.

    Raises:
        RecipeError: if it is empty, which would mean the current folder.
    """
    if path is not None and not str(path).strip():
        raise RecipeError(f"{option} is empty", "name a folder, or leave it out")
    return None if path is None else Path(path)


@contextmanager
def creating(folder: Path, option: str = "--out") -> Iterator[None]:
    """Turn a file system error into one that names the folder and the option to change.

    Raises:
        StoreError: for an error of the file system.
    """
    try:
        yield
    except OSError as error:
        fact = f"cannot create the folder {folder}: {error.strerror or error}"
        raise StoreError(fact, f"name another {option}") from error


def fresh(parent: Path, name: str) -> Path:
    """Create a new folder `name` in `parent`, numbered if that name is taken."""
    for number in range(1, 10_000):
        path = parent / (slug(name) if number == 1 else f"{slug(name)}-{number}")
        with creating(path), suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise StoreError(f"{parent} already holds 10,000 runs named {name}", "name another --out")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; missing cells are empty, and texts are `held`. `rows_of` reads it."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = Lines()
    # Before Python 3.13 the module quotes a carriage return only if it ends lines.
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(map(_cell, names))
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return "".join(lines.found)


class Lines:
    """What a CSV writer writes, a row at a time."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def write(self, row: str) -> None:
        """Take a row."""
        self.found.append(row.removesuffix("\r\n") + "\n")


def _cell(value: Any) -> Any:
    return held(value) if isinstance(value, str) else value


def rows_of(text: str) -> list[Mapping[str, str]]:
    """The rows of a CSV written by `table`.

    Raises:
        ValueError: for text that it has not written.
    """
    try:
        heading, *rows = [list(map(released, row)) for row in csv.reader(io.StringIO(text))] or [[]]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return [dict(zip(heading, row, strict=True)) for row in rows]


def to_json(values: Any) -> str:
    """Values as JSON: non-finite numbers become null, as JSON has no NaN; unsupported values become text.

    >>> print(to_json({"gap": float("nan")}))
    {
     "gap": null
    }
    """
    return json.dumps(_finite(values), indent=1, default=str)


def _finite(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def own_task(folder: Path, name: str) -> str:
    """Python that makes the task of a run on the user's own table: from the table in its folder if stored."""
    stored = (folder / TABLE).exists()
    return f"mbo.load({json.dumps(str(folder))}).task" if stored else f"mbo.Task({json.dumps(name)}, x, y)"


@dataclass(frozen=True)
class Folder:
    """The folder of one run.

    ```
    recipe.toml                 the resolved recipe with task and seeds: `mbo run recipe.toml` repeats the run
    run.json                    status, scores, seeds, versions, platform, seconds
    seeds/<seed>/designs.csv    the candidates, raw, with their scores
    seeds/<seed>/designs.safetensors   the same as exact tensors, raw and encoded
    seeds/<seed>/steps.csv      the infos of training and search
    seeds/<seed>/proxy.safetensors     the trained proxy, if small or requested
    progress.json, checkpoint/  what a run that is not complete needs to go on
    lock.json                   who works in the folder now, with a heartbeat
    table.safetensors           the visible designs and scores of the user's own table, if small
    space.toml                  the space file that was given for a table from a file
    start.csv                   the designs that the search started from, if any were given
    ```
    """

    path: Path
    sums: dict[str, str] = field(default_factory=dict, compare=False)
    """The checksums of the files that were written, or that the record has, by name."""

    @classmethod
    def create(cls, path: Path) -> Folder:
        """A new run's folder at `path`.

        Raises:
            StoreError: if it already holds a run, or cannot be created.
        """
        with creating(path):
            taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
            if not taken:
                path.mkdir(parents=True, exist_ok=True)
        if taken:
            raise StoreError(f"{path} exists and is not an empty folder", "name another --out, or remove it")
        # Absolute, as a plugin may change the working directory.
        return cls(path.absolute())

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file, and remember its checksum."""
        data = content.encode() if isinstance(content, str) else content
        write(self.path / name, data)
        self.sums[name] = checksum(data)

    def read_tensors(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Read a `tensors_file`.

        Raises:
            StoreError: if it is missing or corrupt, or has changed since it was written.
        """
        return read_tensors(self.path / name, self.sums.get(name))

    def read_table(self, name: str) -> list[Mapping[str, str]]:
        """Read a `table`.

        Raises:
            StoreError: if it is missing or corrupt, or has changed since it was written.
        """
        self.demand_unchanged(name)
        rows: list[Mapping[str, str]] = read(self.path / name, rows_of)
        return rows

    def demand_unchanged(self, start: str) -> None:
        """Refuse files whose names start so if they have changed since they were written, by a `StoreError`."""
        for line in changed(self.path, {name: sum for name, sum in self.sums.items() if name.startswith(start)}):
            raise StoreError(f"{self.path}/{line}", "run the recipe again")

    def record(self, values: Mapping[str, Any]) -> None:
        """Write the record of the run."""
        record = {"format": FORMAT, **values, "files": dict(sorted(self.sums.items()))}
        write(self.path / RECORD, to_json({**record, "sha256": checksum(to_json(record).encode())}) + "\n")

    def load_record(self) -> dict[str, Any]:
        """Read the record.

        Raises:
            StoreError: if it is missing, corrupt, or of a later format.
        """
        values = read(self.path / RECORD, json.loads)
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise StoreError(f"{self.path} is not a run of this version of mbo")
        files = values.get("files")
        self.sums.update(files if isinstance(files, dict) else {})
        return values

    def faults(self) -> list[str]:
        """What has changed since the run was stored, a line for each file.

        Raises:
            StoreError: if the record is missing, corrupt or without checksums.
        """
        record = self.load_record()
        expected = record.pop("sha256", None)
        own = [] if expected == checksum(to_json(record).encode()) else [f"{RECORD}: changed since it was written"]
        lines = wrong(self.path, self.sums)
        # Of a run that is not complete the record does not know all files.
        return own + [line for line in lines if record.get("status") != "running" or not line.endswith(UNKNOWN)]

    def ran_on_own_table(self) -> bool:
        """Whether the folder holds a run on the user's own table."""
        with suppress(StoreError):
            return bool(self.load_record().get("own_table"))
        return False

    def of_seed(self, seed: int, name: str) -> Path:
        """A file of one seed."""
        return self.path / in_seed(seed, name)

    def seed(self, seed: int, tensors: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> None:
        """Write one seed's tensors and infos."""
        self.write(in_seed(seed, DESIGNS), tensors_file(tensors))
        self.write(in_seed(seed, "steps.csv"), table(steps))

    def designs(self, seed: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write one seed's designs for people."""
        self.write(in_seed(seed, "designs.csv"), table(rows))

    def load_seed(self, seed: int) -> dict[str, Any]:
        """The tensors of one seed: designs (raw), encoded, predicted, and each score by name.

        Raises:
            StoreError: if they are missing or corrupt.
        """
        return self.read_tensors(in_seed(seed, DESIGNS))[0]


def in_seed(seed: int, name: str) -> str:
    """The name of a file of one seed."""
    return f"seeds/{seed}/{name}"
