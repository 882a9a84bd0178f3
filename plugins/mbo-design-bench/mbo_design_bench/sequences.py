"""GFP and UTR: proteins that glow and untranslated regions that load ribosomes, scored by a trained network."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from mbo_core.errors import TaskError
from mbo_core.tasks import OracleSet, Task, TaskOffer
from mbo_design_bench import learned, rows
from mbo_design_bench.facts import GFP, UTR
from mbo_design_bench.layout import Facts

RELABELLED = replace(
    UTR,
    name="UTR-ResNet-Relabelled-v0",
    best=None,
    summary="the same untranslated regions with the network's own scores for labels, as in the published tables",
    comparable=(
        "the published UTR-ResNet tables only roughly: they too give the methods labels by the oracle and normalise by "
        "the measured 0 and 12, but their network is lost and this one is retrained"
    ),
    notes={
        "labels": "all rows are relabelled by the oracle of seed 0; the visible half is the lower half of these labels",
        "y_min_y_max": "the ends of the measured scores",
    },
)


def load(facts: Facts, source: Facts) -> Task:
    """A task with its visible rows and all its oracles.

    Args:
        facts: the task.
        source: the task whose data and oracles it uses; if it is another task, the rows get its oracle's labels.

    Raises:
        TaskError: if data or oracle are missing, damaged or do not match.
    """
    x, y = rows.read(source)
    oracles = learned.load(source, (x, y))
    own = oracles[learned.SEED]
    notes: dict[str, Any] = {
        "oracle_seed": learned.SEED,
        "held_out_spearman": own.about.held_out_spearman,
        "oracles": [oracle.about.note for oracle in oracles.values()],
        "oracle_files_sha256": {str(seed): oracle.sha256 for seed, oracle in oracles.items()},
    }
    labels = y if facts.name == source.name else own.labels
    ends = (float(y.min()), float(y.max()))
    oracle = OracleSet({str(seed): oracle for seed, oracle in oracles.items()})
    if own.about.quick_look:
        facts = replace(facts, comparable=f"nothing: its oracle is a quick look of {own.about.epochs} epochs")
    return rows.task(rows.here(facts), (x, labels), oracle, notes, ends=ends)


def offer(facts: Facts, source: Facts) -> TaskOffer:
    """A task that is ready once its data and oracle exist."""

    def missing() -> str | None:
        return rows.missing(source) or learned.untrained(source)

    info, oracles = facts.info, learned.notes(source)
    with suppress(TaskError):  # unreadable files are reported as missing
        info = rows.here(facts).info
    if oracles:
        info = replace(info, notes={**info.notes, "oracles": oracles})
    return TaskOffer(facts.name, facts.kind, info, lambda: load(facts, source), missing)


def offers() -> list[TaskOffer]:
    """The tasks, with the facts of the oracles on this machine."""
    return [offer(GFP, GFP), offer(UTR, UTR), offer(RELABELLED, UTR)]
