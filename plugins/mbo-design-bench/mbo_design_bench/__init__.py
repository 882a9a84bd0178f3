"""Design-Bench tasks on current Python, and a toy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.tasks import TaskOffer


@hookimpl
def mbo_tasks() -> Sequence[TaskOffer]:
    """Offer the tasks; each loads its data only when it is run."""
    from mbo_design_bench import (
        as_released,
        beyond,
        chembl,
        quadratic,
        sequences,
        superconductor,
        tf_bind_8,
        tf_bind_10,
    )
    from mbo_design_bench.original import adapter
    from mbo_design_bench.robots import tasks as robots

    tables = [
        tf_bind_8.OFFER,
        tf_bind_10.OFFER,
        *sequences.offers(),
        chembl.OFFER,
        superconductor.OFFER,
        as_released.OFFER,
    ]
    return [*tables, *robots.OFFERS, *beyond.offers(), quadratic.OFFER, *adapter.offers()]
