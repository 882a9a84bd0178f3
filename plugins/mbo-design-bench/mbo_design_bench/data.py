"""Where data files are looked for, and how an archive of arrays is read: one home, so that every message agrees."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from mbo_core.errors import TaskError

VARIABLE = "MBO_DATA_DIR"

Arrays = dict[str, NDArray[np.float32]]


def folders() -> list[Path]:
    """The folders that may hold data files, in the order of the search.

    The folder that `MBO_DATA_DIR` names comes first, then the user's data folder of `mbo`.
    """
    named = os.environ.get(VARIABLE)
    first = [Path(named).expanduser()] if named else []
    return [*first, platformdirs.user_data_path("mbo", appauthor=False)]


def find(file: str) -> Path | None:
    """The first folder's copy of `file`, or None where no folder has it."""
    return next((folder / file for folder in folders() if (folder / file).is_file()), None)


def missing(file: str) -> str | None:
    """One line that names every place where `file` was looked for, or None where it is found."""
    if find(file) is not None:
        return None
    return f"{file} is not in {' nor in '.join(str(folder) for folder in folders())}"


def read(path: Path, shapes: Mapping[str, tuple[int, ...]], hint: str) -> Arrays:
    """Arrays of an `.npz` archive as float32, without pickle.

    Args:
        path: the archive.
        shapes: the name and the shape of each array that must be there.
        hint: how to get a good copy.

    Raises:
        TaskError: for a file that is no archive, lacks an array, or holds one of another shape.
    """
    try:
        found = _arrays(path, tuple(shapes))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise TaskError(f"{path} cannot be read: {error}", hint) from error
    for name, shape in shapes.items():
        if found[name].shape != shape:
            raise TaskError(f"{path}: {name} has shape {found[name].shape}, not {shape}", hint)
    return found


def fingerprint(arrays: Arrays) -> str:
    """SHA-256 over the numbers of all arrays, by name, as little-endian float32.

    >>> fingerprint({"y": np.zeros(2, dtype=np.float32)})[:8]
    'af5570f5'
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(arrays[name].astype("<f4").tobytes())
    return digest.hexdigest()


def _arrays(path: Path, names: tuple[str, ...]) -> Arrays:
    with path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):  # else numpy takes it for a pickle, and says so
            raise ValueError("it is not an .npz archive")
        stream.seek(0)
        archive = np.load(stream, allow_pickle=False)
        return {name: np.asarray(archive[name], dtype=np.float32) for name in names}
