"""ROOT, a learned transport from low-score to high-score designs: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The update `transport`."""
    return [StageOffer("update", "transport", "mbo_root.update:Transport")]
