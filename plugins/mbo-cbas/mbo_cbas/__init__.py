"""Conditioning by adaptive sampling (CbAS), plain and autofocused: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The updates `cbas` and `autofocus`."""
    return [
        StageOffer("update", "cbas", "mbo_cbas.update:CbAS"),
        StageOffer("update", "autofocus", "mbo_cbas.autofocus:Autofocus"),
    ]
