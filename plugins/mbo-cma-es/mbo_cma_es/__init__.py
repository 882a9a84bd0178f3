"""CMA-ES on a learned proxy: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.stages import Stage


@hookimpl
def mbo_stages() -> Sequence[type[Stage]]:
    """The update `cma-es`."""
    from mbo_cma_es.update import CMAES

    return [CMAES]
