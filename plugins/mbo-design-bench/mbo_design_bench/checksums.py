"""The checksums of data files: recorded when a file arrives, and compared on each later use.

Those of TF Bind 8 and 10, taken from Design-Bench's own files, are known before the first fetch. Recorded ones are kept
in `SHA256SUMS` in the files' folder, which `sha256sum -c SHA256SUMS` reads as well.
"""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from pathlib import Path

from mbo_core.errors import TaskError
from mbo_design_bench import data
from mbo_design_bench.layout import Layout

NAME = "SHA256SUMS"
PUBLISHED = "DESIGN_BENCH_SHA256SUMS"
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


def published(layout: Layout) -> dict[str, str]:
    """The checksums of Design-Bench's own files of a data set, by name; empty if they are not known."""
    if not layout.summed:
        return {}
    lines = files("mbo_design_bench").joinpath(PUBLISHED).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("  ") for line in lines]
    return {path.rpartition("/")[2]: digest for digest, path in pairs if path.startswith(f"{layout.folder}/")}


def known(folder: Path, layout: Layout) -> dict[str, str]:
    """The published checksums of a data set's files, and the recorded ones of its folder for what is not published.

    Raises:
        TaskError: for an unreadable record.
    """
    return {**recorded(folder), **published(layout)}


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
    """Compare a file with its checksum; False if none is known.

    Args:
        path: the file.
        known: checksums by name.

    Raises:
        TaskError: for a file that differs.
    """
    if path.name not in known:
        return False
    found = sha256(path)
    if found != known[path.name]:
        raise TaskError(
            f"checksum mismatch: {path} changed since it arrived, or is not the published file; "
            f"SHA-256 {found}, expected {known[path.name]}",
            "remove the file and fetch it again with `mbo data fetch`",
        )
    return True
