"""Robust model adaptation (RoMA): a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.stages import Stage


@hookimpl
def mbo_stages() -> Sequence[type[Stage]]:
    """The adversary `weight-ascent`, the proxy `smooth` and the update `local-adaptation`."""
    from mbo_roma.adversary import WeightAscent
    from mbo_roma.proxy import Smooth
    from mbo_roma.update import LocalAdaptation

    return [WeightAscent, Smooth, LocalAdaptation]
