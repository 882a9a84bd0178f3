"""Robust model adaptation (RoMA): a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The adversary `weight-ascent`, the proxy `smooth` and the update `local-adaptation`."""
    return [
        StageOffer("adversary", "weight-ascent", "mbo_roma.adversary:WeightAscent"),
        StageOffer("proxy", "smooth", "mbo_roma.proxy:Smooth"),
        StageOffer("update", "local-adaptation", "mbo_roma.update:LocalAdaptation"),
    ]
