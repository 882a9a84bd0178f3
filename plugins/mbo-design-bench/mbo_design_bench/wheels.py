"""Data from the wheels of other packages: named members only, of known maximal size."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mbo_core.errors import TaskError

DAMAGED = (zipfile.BadZipFile, KeyError, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError, ValueError)
"""Errors of a bad zip file: damaged, missing member, unsupported compression, encrypted."""


@contextmanager
def opened(wheel: Path | IO[bytes], hint: str, name: str | None = None) -> Iterator[zipfile.ZipFile]:
    """A wheel, or a zip file within one; it is never unpacked to disk.

    Args:
        wheel: the file.
        hint: how to get a good one.
        name: its name in messages, if it has no path.

    Raises:
        TaskError: for a file that is not a zip file, is damaged, or lacks a requested member.
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
    """The content of a member, read up to `limit` bytes whatever its header says.

    Raises:
        TaskError: if it is longer.
    """
    with archive.open(name) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise TaskError(f"{name} is longer than {limit} bytes")
    return content
