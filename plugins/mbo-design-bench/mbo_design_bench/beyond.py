"""The tasks that Design-Bench does not have."""

from __future__ import annotations

from mbo_core.tasks import TaskOffer
from mbo_design_bench import bace, flexs, ni_superalloy, rna


def offers() -> list[TaskOffer]:
    """All of them, those of imported files included."""
    return [ni_superalloy.OFFER, *rna.OFFERS, bace.OFFER, *flexs.offers()]
