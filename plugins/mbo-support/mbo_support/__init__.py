"""A discount for the distance to the nearest rows: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The proxies `supported` and `supported-gradients`, which hold another proxy, and the objective `support`."""
    return [
        StageOffer("proxy", "supported", "mbo_support.proxy:Supported"),
        StageOffer("proxy", "supported-gradients", "mbo_support.proxy:SupportedGradients"),
        StageOffer("objective", "support", "mbo_support.objective:Support"),
    ]
