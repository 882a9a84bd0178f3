"""The checksums of data files: recorded beside a file when it arrives, and compared ever after.

They stand in a file `SHA256SUMS` in the files' own folder, which `sha256sum -c SHA256SUMS` reads as well.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from mbo_core.errors import TaskError
from mbo_design_bench import data

NAME = "SHA256SUMS"
AGAIN = "remove it, and then `mbo data fetch` records the files anew as they are"
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
        TaskError: for a record that cannot be read.
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
        raise TaskError(f"{path}: line {matches.index(None) + 1} is no checksum with a name", AGAIN)
    return {match[2]: match[1] for match in matches if match}


def record(path: Path, digest: str) -> None:
    """Note the checksum of a file in its folder.

    Raises:
        StoreError: if the record cannot be written.
    """
    lines = {**recorded(path.parent), path.name: digest}
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(lines.items()))
    data.write(path.parent / NAME, text.encode())


def verify(path: Path, known: dict[str, str]) -> bool:
    """Compare a file with its recorded checksum; False where none is recorded.

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
            f"{path} changed: its SHA-256 is {found}, and {known[path.name]} was recorded when it arrived",
            "remove the file, and fetch it again with `mbo data fetch`",
        )
    return True
