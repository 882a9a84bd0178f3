"""Input checks of oracles: a design outside the space raises an error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError

HINT = "give designs in the form of the task's `x`"


def tokens(task: str, designs: NDArray[Any], length: int, classes: int) -> None:
    """Refuse all but (n, length) whole numbers from 0 to classes - 1."""
    _shape(task, designs, length)
    if designs.dtype.kind not in "iu":
        raise TaskError(f"{task}: designs have dtype {designs.dtype}, not whole tokens", HINT)
    _rows(task, designs, (designs >= 0) & (designs < classes), f"a token outside 0..{classes - 1}")


def reals(task: str, designs: NDArray[Any], length: int) -> None:
    """Refuse all but (n, length) real numbers that are finite as float32."""
    _shape(task, designs, length)
    # NaN fails the comparison; a forest would silently score it.
    _rows(task, designs, np.abs(designs) <= np.finfo(np.float32).max, "a value that is not a finite float32")


def _shape(task: str, designs: NDArray[Any], length: int) -> None:
    if designs.ndim != 2 or designs.shape[1] != length:
        raise TaskError(f"{task}: designs have shape {designs.shape}, not (n, {length})", HINT)


def _rows(task: str, designs: NDArray[Any], good: NDArray[np.bool_], fault: str) -> None:
    if not good.all():
        row, column = np.argwhere(~good)[0]
        raise TaskError(f"{task}: design {row} has {fault}: {designs[row, column]} at position {column}", HINT)
