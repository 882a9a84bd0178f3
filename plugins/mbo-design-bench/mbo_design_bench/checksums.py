"""The checksums of data files: recorded when a file arrives, and compared on each later use.

They are kept in `SHA256SUMS` in the files' folder, which `sha256sum -c SHA256SUMS` reads as well.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from mbo_core.errors import TaskError
from mbo_design_bench import data

NAME = "SHA256SUMS"
AGAIN = "remove it and run `mbo data fetch` to record the present files"
LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def sha256(path: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        TaskError: if it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise TaskError(f"{path} cannot be read: {error.strerror}", data.UNREADABLE) from error
    return digest.hexdigest()


def recorded(folder: Path) -> dict[str, str]:
    """The recorded checksums of a folder's files, by name.

    Raises:
        TaskError: for an unreadable record.
    """
    path = folder / NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise TaskError(f"{path} cannot be read: {getattr(error, 'strerror', error)}", data.UNREADABLE) from error
    matches = [LINE.fullmatch(line) for line in lines]
    if None in matches:
        raise TaskError(f"{path}: line {matches.index(None) + 1} is not a checksum with a name", AGAIN)
    return {match[2]: match[1] for match in matches if match}


def record(path: Path, digest: str) -> None:
    """Record the checksum of a file in its folder.

    Raises:
        StoreError: if the record cannot be written.
    """
    lines = {**recorded(path.parent), path.name: digest}
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(lines.items()))
    data.write(path.parent / NAME, text.encode())


def verify(path: Path, known: dict[str, str]) -> bool:
    """Compare a file with its recorded checksum; False if none is recorded.

    Args:
        path: the file.
        known: the recorded checksums of its folder.

    Raises:
        TaskError: for a file that changed.
    """
    if path.name not in known:
        return False
    found = sha256(path)
    if found != known[path.name]:
        raise TaskError(
            f"checksum mismatch: {path} changed since it arrived; SHA-256 {found}, recorded {known[path.name]}",
            "remove the file and fetch it again with `mbo data fetch`",
        )
    return True
