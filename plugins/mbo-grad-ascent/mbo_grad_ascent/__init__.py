"""Gradient ascent on a learned proxy: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The proxies `regression` and `ensemble`, the update `gradient-ascent`, and objectives for it."""
    return [
        StageOffer("proxy", "regression", "mbo_grad_ascent.proxy:Regression"),
        StageOffer("proxy", "ensemble", "mbo_grad_ascent.proxy:Ensemble"),
        StageOffer("update", "gradient-ascent", "mbo_grad_ascent.update:GradientAscent"),
        StageOffer("objective", "lower-bound", "mbo_grad_ascent.objectives:LowerBound"),
        StageOffer("objective", "near-data", "mbo_grad_ascent.objectives:NearData"),
        StageOffer("objective", "sum", "mbo_grad_ascent.objectives:Sum"),
    ]
