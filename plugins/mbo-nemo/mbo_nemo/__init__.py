"""Offline model-based optimization by normalised maximum likelihood (NEMO): a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.stages import Stage


@hookimpl
def mbo_stages() -> Sequence[type[Stage]]:
    """The proxy `label-bank` and the update `normalised-likelihood`."""
    from mbo_nemo.proxy import LabelBank
    from mbo_nemo.update import NormalisedLikelihood

    return [LabelBank, NormalisedLikelihood]
