"""Checksums of what the hooks of a run are given: nothing of it may be changed in place."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mbo_core.runs.records import Candidates, Run

WHOLE = 32 * 2**20
"""Of larger arrays, in bytes, all numbers are added up, and rows at equal distances are checked bit by bit."""


def checksums(given: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The checksums of a hook's arguments, by what errors call them."""
    return {what: tuple(map(checksum, arrays)) for one in given.values() for what, arrays in _parts(one)}


def _parts(given: Any) -> Iterator[tuple[str, list[NDArray[Any]]]]:
    if isinstance(given, Run):
        table, encoded = given.task.table, given.encoded
        yield "the task's table", [table.x, table.y, table.weights]
        yield "the encoded data", [_array(one) for one in (encoded.x, encoded.y, encoded.w, encoded.raw)]
    if isinstance(given, Candidates):
        predicted = [] if given.predicted is None else [given.predicted]
        yield "the candidates", [_array(given.x), given.raw, *predicted]


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())


def checksum(array: NDArray[Any]) -> int:
    """A number that differs if a number in the array does, or its place; nearly surely."""
    plain = np.ascontiguousarray(array)
    if plain.nbytes <= WHOLE:
        return zlib.crc32(plain.reshape(-1).view(np.uint8).data)
    apart = -(-plain.nbytes // WHOLE)
    words = plain.reshape(-1).view(f"u{plain.dtype.itemsize}")
    total = int(np.add.reduce(words, dtype=np.uint64))
    return total << 32 | zlib.crc32(np.ascontiguousarray(plain[::apart]).reshape(-1).view(np.uint8).data)
