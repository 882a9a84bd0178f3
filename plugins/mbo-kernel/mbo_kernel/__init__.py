"""Kernel ridge regression, and bidirectional learning (BDI) on it: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The proxy `kernel-ridge` and the objective `bidirectional`."""
    return [
        StageOffer("proxy", "kernel-ridge", "mbo_kernel.proxy:KernelRidge"),
        StageOffer("objective", "bidirectional", "mbo_kernel.objective:Bidirectional"),
    ]
