"""Model inversion networks (MINs): a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The update `mins`."""
    return [StageOffer("update", "mins", "mbo_mins.update:MINs")]
