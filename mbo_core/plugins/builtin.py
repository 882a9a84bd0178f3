"""The core as a plugin: its own stages."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core.plugins.hookspecs import hookimpl
from mbo_core.plugins.offers import StageOffer


@hookimpl(trylast=True)
def mbo_stages() -> Sequence[StageOffer]:
    """The `none` stages, the encodings, evaluation by the task's oracle, and the prediction as an objective."""
    return [
        StageOffer("adversary", "none", "mbo_core.stages.baselines:NoAdversary"),
        StageOffer("proxy", "none", "mbo_core.stages.baselines:NoProxy"),
        StageOffer("update", "none", "mbo_core.stages.baselines:NoUpdate"),
        StageOffer("encoding", "standardised", "mbo_core.stages.encodings:Standardised"),
        StageOffer("encoding", "one-hot", "mbo_core.stages.encodings:OneHot"),
        StageOffer("encoding", "soft-logits", "mbo_core.stages.encodings:SoftLogits"),
        StageOffer("encoding", "columns", "mbo_core.stages.columns:Columns"),
        StageOffer("evaluation", "oracle", "mbo_core.stages.oracle:OracleEvaluation"),
        StageOffer("objective", "prediction", "mbo_core.stages.objective:PredictedScore"),
    ]
