"""REINFORCE on a learned proxy: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The update `reinforce`."""
    return [StageOffer("update", "reinforce", "mbo_reinforce.update:Reinforce")]
