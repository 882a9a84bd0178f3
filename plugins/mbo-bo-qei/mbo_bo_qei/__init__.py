"""Batch Bayesian optimisation by q-expected improvement: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The update `bo-qei`."""
    return [StageOffer("update", "bo-qei", "mbo_bo_qei.update:BOQEI")]
