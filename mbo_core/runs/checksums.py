"""The checksums of a run's files: written into its record, and compared when a file is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from mbo_core.errors import StoreError

RECORD = "run.json"
"""The name of a run's record."""

UNKNOWN = "not in the record"
"""What is said of a file without a checksum."""

PASSING = ("progress.json", "lock.json", "checkpoint/")
"""How the names of files begin that are there only while a run is not complete."""


def checksum(content: bytes) -> str:
    """The SHA-256 checksum, as 64 hexadecimal digits; `tasks.source` has the same, and takes numpy along."""
    return sha256(content).hexdigest()


def found_in(folder: Path) -> Iterator[str]:
    """The files of a run's folder by name, without the record, temporary files and those of unfinished work."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        passing = name.startswith(PASSING) or path.name.endswith(".part")
        if path.is_file() and name != RECORD and not passing:
            yield name


def wrong(folder: Path, known: Mapping[str, str]) -> list[str]:
    """What differs between a folder's files and their checksums, a line for each file.

    Raises:
        StoreError: if the record has no checksums.
    """
    if not known:
        raise StoreError(f"{folder} has no checksums", "it was stored by an older version of mbo")
    return changed(folder, known) + [f"{name}: {UNKNOWN}" for name in found_in(folder) if name not in known]


def changed(folder: Path, known: Mapping[str, str]) -> list[str]:
    """The files that are missing or have changed since they were written, a line for each."""
    return [f"{name}: {fault}" for name, sum in sorted(known.items()) if (fault := _fault(folder / name, sum))]


def _fault(path: Path, expected: str) -> str | None:
    try:
        return None if checksum(path.read_bytes()) == expected else "changed since it was written"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def check(path: Path, content: bytes, expected: str | None) -> None:
    """Refuse a file that has changed since it was written.

    Raises:
        StoreError: at a checksum mismatch.
    """
    if expected is not None and checksum(content) != expected:
        raise StoreError(f"{path} is corrupt: it has changed since it was written", "run the recipe again")
