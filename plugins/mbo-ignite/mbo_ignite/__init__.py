"""Surrogate sharpness (IGNITE): a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The adversary `mean-ascent` and the proxy `low-sharpness`."""
    return [
        StageOffer("adversary", "mean-ascent", "mbo_ignite.adversary:MeanAscent"),
        StageOffer("proxy", "low-sharpness", "mbo_ignite.proxy:LowSharpness"),
    ]
