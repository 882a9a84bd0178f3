"""Conditioning by adaptive sampling (CbAS), plain and autofocused: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.stages import Stage


@hookimpl
def mbo_stages() -> Sequence[type[Stage]]:
    """The updates `cbas` and `autofocus`."""
    from mbo_cbas.autofocus import Autofocus
    from mbo_cbas.update import CbAS

    return [CbAS, Autofocus]
