"""TF Bind 10 in one file: the code of each row's 10-mer and its score, in the order of Design-Bench's shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_design_bench import data

LENGTH = 10


def read(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays x (N, 10), int8 tokens, and y (N,) of an archive with `code` (N,) and `y` (N,).

    A code is the 10-mer read as a number in base 4, its first letter the most significant.

    Raises:
        TaskError: for a file that is damaged, or codes that are not whole numbers below 4^10.
    """
    found = data.arrays(path, ("code", "y"))
    code = found["code"]
    if code.dtype.kind not in "iu" or code.ndim != 1 or not len(code) or code.min() < 0 or code.max() >= 4**LENGTH:
        raise TaskError(f"{path}: codes are not whole numbers from 0 to {4**LENGTH - 1}")
    x = np.empty((len(code), LENGTH), dtype=np.int8)
    for position in range(LENGTH):
        x[:, position] = code >> 2 * (LENGTH - 1 - position) & 3
    return {"x": x, "y": found["y"]}
