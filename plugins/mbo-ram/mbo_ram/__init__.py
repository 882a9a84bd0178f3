"""Ranking models (RaM): a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The proxy `ranking`."""
    return [StageOffer("proxy", "ranking", "mbo_ram.proxy:Ranking")]
