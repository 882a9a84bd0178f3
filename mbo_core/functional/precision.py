"""The precision of float32 matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch

from mbo_core.functional import keys

TOLERANCE = 1e-5
"""The relative error up to which a faster product counts as float32; real bfloat16 has 2e-3."""


@contextmanager
def fast_products() -> Iterator[str]:
    """Use torch's faster float32 products where they are exact enough, and restore the setting afterwards.

    `medium` lets torch choose oneDNN, twice as fast as its default on processors with AVX-512; on processors with
    matrix units (AMX) it rounds to bfloat16 instead. So its error is measured once, and the setting used only if
    that is below `TOLERANCE`. Yields the setting in force.
    """
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium" if error_of("medium") < TOLERANCE else before)
        yield torch.get_float32_matmul_precision()
    finally:
        torch.set_float32_matmul_precision(before)


@lru_cache
def error_of(setting: str) -> float:
    """The relative error (Frobenius) of a 256 x 256 product under a setting."""
    before = torch.get_float32_matmul_precision()
    left, right = (keys.normal(keys.key(seed), (256, 256)) for seed in range(2))
    exact = left.double() @ right.double()
    torch.set_float32_matmul_precision(setting)
    try:
        return float((left @ right - exact).norm() / exact.norm())
    finally:
        torch.set_float32_matmul_precision(before)
