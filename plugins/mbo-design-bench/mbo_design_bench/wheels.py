"""Data out of the wheels of other packages: named members only, each of a size that is known beforehand."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mbo_core.errors import TaskError

DAMAGED = (zipfile.BadZipFile, KeyError, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError, ValueError)
"""What a zip file can be wrong in: damaged, without the member, packed in unknown ways, encrypted."""


@contextmanager
def opened(wheel: Path | IO[bytes], hint: str, name: str | None = None) -> Iterator[zipfile.ZipFile]:
    """A wheel, or a zip file within one; nothing of it is ever unpacked to disk.

    Args:
        wheel: the file.
        hint: how to get a good one.
        name: what messages call it, where it has no path.

    Raises:
        TaskError: for what is no zip file, damaged, or lacks a member that is read.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except TaskError as error:
        error.hint = error.hint or hint
        raise
    except DAMAGED as error:
        raise TaskError(f"{name or wheel}: {error}", hint) from error


def member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """The content of a member, which is read no further than `limit` bytes whatever its header promises.

    Raises:
        TaskError: if it is longer.
    """
    with archive.open(name) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise TaskError(f"{name} is longer than {limit} bytes")
    return content
