"""CMA-ES on a learned proxy: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The update `cma-es`."""
    return [StageOffer("update", "cma-es", "mbo_cma_es.update:CMAES")]
