"""Conservative objective models (COMs): a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.stages import Stage


@hookimpl
def mbo_stages() -> Sequence[type[Stage]]:
    """The adversary `design-ascent` and the proxy `conservative`."""
    from mbo_coms.adversary import DesignAscent
    from mbo_coms.proxy import Conservative

    return [DesignAscent, Conservative]
