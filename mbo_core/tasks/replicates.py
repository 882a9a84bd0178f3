"""Rows of one design: how many distinct designs a table has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbered(x: NDArray[Any]) -> NDArray[np.int64]:
    """The number of each row's design, (N,), for rows x (N, length): 0, 1, ... in the order of first appearance.

    >>> numbered(np.array([[7, 1], [7, 2], [7, 1]]))
    array([0, 1, 0])
    """
    # Adding 0 makes -0.0 and 0.0 equal to the last bit.
    rows = np.ascontiguousarray(x + 0)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return np.asarray(order[inverse.reshape(-1)], dtype=np.int64)
