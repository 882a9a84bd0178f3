"""The data folders, and the reader of archives."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from mbo_core.errors import StoreError, TaskError
from mbo_core.runs import store

VARIABLE = "MBO_DATA_DIR"
UNREADABLE = f"make it readable, or set another folder in {VARIABLE}"


def folders() -> list[Path]:
    """The folders that may hold data files, in the order of the search.

    The folder that `MBO_DATA_DIR` names comes first, then the user's data folder of `mbo`.
    """
    named = os.environ.get(VARIABLE)
    first = [Path(os.path.expanduser(named))] if named else []
    return [*first, platformdirs.user_data_path("mbo", appauthor=False)]


def write(path: Path, content: bytes) -> None:
    """Write a data file whole or not at all.

    Raises:
        StoreError: if the disk is full, or the folder cannot be written.
    """
    try:
        store.write(path, content)
    except StoreError as error:
        raise StoreError(error.message, f"free some space, or set another folder in {VARIABLE}") from error


def exists(path: Path) -> bool:
    """Whether a file exists.

    Raises:
        TaskError: if that cannot be determined, as looking elsewhere would ignore the folder that a user set.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise TaskError(f"{path} cannot be read: {error.strerror}", UNREADABLE) from error


def within(folder: Path) -> list[Path]:
    """The content of a folder by name, empty if it does not exist; errors as in `exists`."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise TaskError(f"{folder} cannot be read: {error.strerror}", UNREADABLE) from error


def find(file: str) -> Path | None:
    """The first folder's copy of `file`, or None if no folder has it; errors as in `exists`."""
    return next((folder / file for folder in folders() if exists(folder / file)), None)


def missing(file: str) -> str | None:
    """One line with every place where `file` was looked for, or None if it is found."""
    if find(file) is not None:
        return None
    return f"{file} is missing from {' and '.join(str(folder) for folder in folders())}"


def arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Arrays of an `.npz` archive by name, without pickle.

    Args:
        path: the archive.
        names: the arrays that must be there.

    Raises:
        TaskError: for a file that is not an archive, is damaged, or lacks an array.
    """
    try:
        with path.open("rb") as stream:
            if not zipfile.is_zipfile(stream):  # else numpy takes it for a pickle
                raise ValueError("not an .npz archive")
            stream.seek(0)
            archive = np.load(stream, allow_pickle=False)
            return {name: np.asarray(archive[name]) for name in names}
    except Exception as error:  # a damaged archive may raise anything, down to the parser of a header
        raise TaskError(f"{path} cannot be read: {str(error) or type(error).__name__}") from error


def pair(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays x and y of an `.npz` archive; errors as in `arrays`."""
    return arrays(path, ("x", "y"))


def fingerprint(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the numbers of all arrays, by name, as little-endian float32.

    >>> fingerprint({"y": np.zeros(2, dtype=np.float32)})[:8]
    'af5570f5'
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(arrays[name].astype("<f4").tobytes())
    return digest.hexdigest()
