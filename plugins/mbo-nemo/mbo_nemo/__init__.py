"""Offline model-based optimization by normalised maximum likelihood (NEMO): a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The proxy `label-bank` and the update `normalised-likelihood`."""
    return [
        StageOffer("proxy", "label-bank", "mbo_nemo.proxy:LabelBank"),
        StageOffer("update", "normalised-likelihood", "mbo_nemo.update:NormalisedLikelihood"),
    ]
