"""Notes: messages for people from stages and tools about a trial or a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mbo_core.errors import MboError, nearest
from mbo_core.recipes.limits import Cut, in_words
from mbo_core.stages.contracts import Stage, Update, infos, notes, with_inner
from mbo_core.tasks.start import Start
from mbo_core.tasks.task import Task


@dataclass(frozen=True)
class Note:
    """Something people should know about a trial that still gave designs, or about the run.

    Attributes:
        seed: the trial, or None for the whole run.
        source: the author, e.g. `update bo-qei`, or the name of a plugin.
        text: the fact; may be empty if there are values.
        values: measured figures by name.
    """

    seed: int | None
    source: str
    text: str = ""
    values: Mapping[str, float] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The note as plain values for JSON."""
        return asdict(self)


def source(stage: Stage) -> str:
    """The name of a stage in notes and errors, e.g. `update bo-qei`."""
    return f"{stage.role} {stage.name}"


def check_declared(stage: Stage, given: Iterable[str]) -> None:
    """Refuse undeclared infos of a stage, so that a typo is found at the first step.

    Raises:
        MboError: with the nearest declared name.
    """
    known = infos(stage)
    for name in given:
        if name not in known:
            hint = nearest(name, known) if known else f'declare it: infos = {{"{name}": "<meaning>"}}'
            raise MboError(f'undeclared info "{name}" of {source(stage)}', hint)


def final_notes(stage: Stage, seed: int, last: Mapping[str, float]) -> list[Note]:
    """The declared notes of a stage for infos that are not 0 at a trial's last step."""
    return [Note(seed, source(stage), text) for name, text in notes(stage).items() if last.get(name)]


def start_notes(start: Start | None, update: Update) -> list[Note]:
    """What was done to the designs that a person gave, and whether the update searches from them."""
    if start is None:
        return []
    texts = list(start.notes)
    most = getattr(update, "candidates", None)
    if not all(one.from_designs for one in with_inner(update) if isinstance(one, Update)):
        texts.append("start designs are ignored: it draws from a model of the data")
    elif isinstance(most, int) and most < len(start.x):
        texts.append(f"only the first {most} of {len(start.x)} start designs are used: there are {most} candidates")
    return [Note(None, source(update), text) for text in texts]


TABLE = "table"
"""The source of notes on a run's table."""


NOISY = "the oracle is noisy: another evaluation of the same design may give another score"
"""A note on a run whose oracle says so."""


def table_notes(cuts: Sequence[Cut], task: Task) -> list[Note]:
    """What was decided about a run's table, what was done with its rows, and what it means for the recipe."""
    table = task.table
    texts = [*task.notes, *([table.replicates.note] if table.replicates else [])]
    texts += [NOISY] if task.noisy else []
    texts += [f"{table.designs} distinct designs limit the recipe: {in_words(cuts)}"] if cuts else []
    return [Note(None, TABLE, text) for text in texts]
