"""GFP and UTR: proteins that glow and untranslated regions that load ribosomes, scored by a trained network."""

from __future__ import annotations

from mbo_core.errors import TaskError
from mbo_core.task import Task, TaskOffer
from mbo_design_bench import rows
from mbo_design_bench.facts import GFP, UTR
from mbo_design_bench.layout import Facts


def untrained(facts: Facts) -> str:
    """Why a task without its oracle cannot be run, and which command trains it."""
    return f"the oracle is not trained here: mbo data train-oracle {facts.name} --seed 0"


def offer(facts: Facts) -> TaskOffer:
    """A task that waits for its oracle."""

    def load() -> Task:
        rows.read(facts)
        raise TaskError(f"{facts.name}: {untrained(facts)}")

    return TaskOffer(facts.name, facts.kind, facts.info, load, lambda: rows.missing(facts) or untrained(facts))


OFFERS = [offer(GFP), offer(UTR)]
