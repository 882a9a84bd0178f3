"""The core as a plugin: the stages that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.stages import Stage


@hookimpl(trylast=True)
def mbo_stages() -> Sequence[type[Stage]]:
    """The `none` stages, the encodings, and evaluation by the task's oracle."""
    from mbo_core.stages import baselines, encodings, oracle

    return [
        baselines.NoAdversary,
        baselines.NoProxy,
        baselines.NoUpdate,
        encodings.Standardised,
        encodings.OneHot,
        encodings.SoftLogits,
        oracle.OracleEvaluation,
    ]
