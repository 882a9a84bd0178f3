"""The bytes of a table: from a file or standard input, and what form they have."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal, TypeAlias

from mbo_core.errors import nearest
from mbo_propose.reading.errors import TableError

Form: TypeAlias = Literal["text", "excel", "parquet"]

AS_CSV = "save the table as CSV or as Excel workbook (.xlsx)"
ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")

_REFUSED = {
    b"\xd0\xcf\x11\xe0": ("an Excel workbook of the old kind (.xls)", "save it as .xlsx or as CSV"),
    b"\x1f\x8b": ("compressed with gzip", "unpack it first"),
    b"\xfd7zXZ": ("compressed with xz", "unpack it first"),
    b"BZh": ("compressed with bzip2", "unpack it first"),
    b"%PDF": ("a PDF document", AS_CSV),
    b"\x93NUMPY": ("an array of numpy", "give .npz files to `mbo run --task`"),
}
"""The first bytes of files that hold no table, what they are, and what to do."""


def content_of(source: str | os.PathLike[str]) -> tuple[str, bytes]:
    """What messages call a source, and its bytes; `-` is standard input.

    Raises:
        TableError: for a file that is missing, empty, or a directory.
    """
    if source == "-":
        label, content = "standard input", sys.stdin.buffer.read()
    else:
        path = Path(source)
        label, content = f'"{path}"', _bytes(path)
    if not content.strip():
        raise TableError(f"table {label} is empty", "give a line of column names and one row per experiment")
    return label, content


def form_of(label: str, content: bytes) -> Form:
    """Whether the bytes are text, an Excel workbook or Parquet, by what they hold and not by the file's ending.

    Raises:
        TableError: for what is none of them.
    """
    for start, (what, hint) in _REFUSED.items():
        if content.startswith(start):
            raise TableError(f"table {label} is {what}", hint)
    if content.startswith(b"PAR1"):
        return "parquet"
    if content.startswith(b"PK\x03\x04"):
        return _zipped(label, content)
    start = content[:200].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise TableError(f"table {label} is a web page or XML, no table of text", AS_CSV)
    return "text"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise TableError(f'table "{path}" is a directory', _tables_in(path, "name a file in it")) from error
    except FileNotFoundError as error:
        raise TableError(f'table "{path}" does not exist', _near(path)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TableError(f'cannot read the table "{path}": {reason}', "check the path") from error


def _near(path: Path) -> str:
    """The nearest name in the folder that was meant."""
    try:
        names = [one.name for one in path.parent.iterdir()]
    except (OSError, ValueError):
        return f"the folder {path.parent} does not exist either: check the path"
    near = nearest(path.name, names)
    return near if near.startswith("did you mean") else _tables_in(path.parent, "check the path")


def _tables_in(folder: Path, otherwise: str) -> str:
    try:
        names = sorted(one.name for one in folder.iterdir() if one.suffix.casefold() in ENDINGS)
    except OSError:
        return otherwise
    return f"tables there: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}" if names else otherwise


def _zipped(label: str, content: bytes) -> Form:
    if b"xl/" in content:
        return "excel"
    if b"opendocument" in content[:200]:
        raise TableError(f"table {label} is an OpenDocument file", AS_CSV)
    raise TableError(f"table {label} is a zip archive, no workbook", "unpack it; give .npz files to `mbo run --task`")
