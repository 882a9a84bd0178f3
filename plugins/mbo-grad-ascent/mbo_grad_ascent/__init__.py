"""Gradient ascent on a learned proxy: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The proxies `regression` and `ensemble`, and the update `gradient-ascent`."""
    return [
        StageOffer("proxy", "regression", "mbo_grad_ascent.proxy:Regression"),
        StageOffer("proxy", "ensemble", "mbo_grad_ascent.proxy:Ensemble"),
        StageOffer("update", "gradient-ascent", "mbo_grad_ascent.update:GradientAscent"),
    ]
