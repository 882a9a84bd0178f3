"""Design-Bench's files of a data set: pairs of `.npy` shards, x int32 or float32 (n, d), y float32 (n, 1)."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks import Space
from mbo_design_bench import data
from mbo_design_bench.layout import Layout

MAGIC = b"\x93NUMPY"
ITEM = 4
"""Bytes of a number."""
MOST_HEADER = 4096
"""More than numpy writes before the numbers."""
SCORE = Space.continuous(1)
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read(folder: Path, layout: Layout) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """All rows of a data set: x (N, d) as stored, y (N,).

    Args:
        folder: the data set's folder.
        layout: which data set.

    Raises:
        TaskError: for the first shard that is missing, unreadable, or of the wrong form.
    """
    pairs = [_pair(folder, layout, shard) for shard in range(layout.shards)]
    x, y = zip(*pairs, strict=True)
    return np.concatenate(x), np.concatenate(y)[:, 0]


def write(folder: Path, layout: Layout, x: NDArray[Any], y: NDArray[Any]) -> list[Path]:
    """Write x (N, d) and y (N,) as the shards of a data set, in equal parts.

    Raises:
        StoreError: if the disk is full, or the folder cannot be written.
    """
    kind = np.int32 if layout.space.kind == "discrete" else np.float32
    tables = zip(
        np.array_split(x.astype(kind), layout.shards),
        np.array_split(y.astype(np.float32)[:, None], layout.shards),
        strict=True,
    )
    paths = [folder / name for name in layout.files()]
    for path, table in zip(paths, (table for pair in tables for table in pair), strict=True):
        data.write(path, encoded(table))
    return paths


def encoded(table: NDArray[Any]) -> bytes:
    """An array as the bytes of an `.npy` file."""
    stream = io.BytesIO()
    np.save(stream, table, allow_pickle=False)
    return stream.getvalue()


def check(path: Path, layout: Layout, name: str | None = None, origin: str | None = None) -> NDArray[Any]:
    """Read one file, and check its form.

    Args:
        path: the file.
        layout: whose file it is.
        name: its final name, if it does not have it yet.
        origin: its name in messages, if not its path.

    Raises:
        TaskError: for a file that is not an array, is pickled, truncated, or of the wrong type or width; for NaN
            and for tokens out of range.
    """
    space = layout.space if "-x-" in (name or path.name) else SCORE
    table = load(path, origin or str(path), "i4" if space.kind == "discrete" else "f4")
    conform(origin or str(path), table, space)
    return table


def conform(origin: str, table: NDArray[Any], space: Space) -> None:
    """Check the width of a table (n, d), that it has rows, and that its values are in the space.

    Raises:
        TaskError: with the first offending row.
    """
    if table.ndim != 2 or table.shape[1] != space.length:
        raise TaskError(f"{origin} has shape {table.shape}, not (n, {space.length})")
    if len(table) == 0:
        raise TaskError(f"{origin} has no rows")
    if space.classes is None:
        _refuse(origin, table, np.isfinite(table), "not a finite number")
    else:
        _refuse(origin, table, (table >= 0) & (table < space.classes), f"outside 0..{space.classes - 1}")


def _pair(folder: Path, layout: Layout, shard: int) -> tuple[NDArray[Any], NDArray[Any]]:
    x_name, y_name = layout.names(shard)
    x, y = check(folder / x_name, layout), check(folder / y_name, layout)
    if len(x) != len(y):
        raise TaskError(f"{folder}: {x_name} has {len(x)} rows and {y_name} has {len(y)}")
    return x, y


def load(path: Path, origin: str, kind: str) -> NDArray[Any]:
    """Read an array of one type, e.g. `i4`, from an `.npy` file; messages call it `origin`.

    Raises:
        TaskError: for a file that is not an array, is pickled, truncated, or of the wrong type.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                raise TaskError(f"{origin} is not an .npy file; pickles are never read")
            stream.seek(0)
            shape, _, dtype = HEADERS[npy.read_magic(stream)](stream)
            if dtype.str[1:] != kind:
                found_type = "pickled objects" if dtype.hasobject else dtype
                raise TaskError(f"{origin} holds {found_type}, not {np.dtype(kind)}")
            promised, found = math.prod(shape) * dtype.itemsize, path.stat().st_size - stream.tell()
            if promised != found:
                raise TaskError(f"{origin} is damaged: it has {found} bytes of numbers, and its header says {promised}")
            stream.seek(0)
            return np.asarray(np.load(stream, allow_pickle=False), dtype=kind)
    except TaskError:
        raise
    except FileNotFoundError as error:
        raise TaskError(f"{origin} is missing") from error
    except OSError as error:
        raise TaskError(f"{origin} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a damaged header may raise anything
        reason = str(error) or type(error).__name__
        raise TaskError(f"{origin} is not an .npy file of a known version: {reason}") from error


def _refuse(origin: str, table: NDArray[Any], good: NDArray[np.bool_], fault: str) -> None:
    if not good.all():
        row, column = np.argwhere(~good)[0]
        raise TaskError(f"{origin}: row {row} has {table[row, column]} at position {column}, {fault}")
