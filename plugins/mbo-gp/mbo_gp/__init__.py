"""Gaussian processes: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The proxy `gaussian-process`, and the update `q-acquisition`."""
    return [
        StageOffer("proxy", "gaussian-process", "mbo_gp.proxy:GaussianProcess"),
        StageOffer("update", "q-acquisition", "mbo_gp.update:QAcquisition"),
    ]
