"""Gradient ascent on a learned proxy: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.stages import Stage


@hookimpl
def mbo_stages() -> Sequence[type[Stage]]:
    """The proxies `regression` and `ensemble`, and the update `gradient-ascent`."""
    from mbo_grad_ascent.proxy import Ensemble, Regression
    from mbo_grad_ascent.update import GradientAscent

    return [Regression, Ensemble, GradientAscent]
