"""Compare nests of tensors: states, weights, infos."""

from __future__ import annotations

from typing import Any

import optree
import torch


def equal(one: Any, other: Any) -> bool:
    """Whether two nests with equally many leaves hold the same tensors to the last bit."""
    return all(torch.equal(*pair) for pair in zip(*map(optree.tree_leaves, (one, other)), strict=True))


def assert_close(one: Any, other: Any, rtol: float | None = None, atol: float | None = None) -> None:
    """Fail unless the leaves of two nests are close; the tolerances are those of `torch.testing.assert_close`.

    Raises:
        AssertionError: with the first difference.
    """
    for left, right in zip(*map(optree.tree_leaves, (one, other)), strict=True):
        torch.testing.assert_close(left, right, rtol=rtol, atol=atol)
