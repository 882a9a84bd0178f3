"""Conservative objective models (COMs): a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The adversary `design-ascent` and the proxy `conservative`."""
    return [
        StageOffer("adversary", "design-ascent", "mbo_coms.adversary:DesignAscent"),
        StageOffer("proxy", "conservative", "mbo_coms.proxy:Conservative"),
    ]
