"""Notes: what stages and tools tell people about a trial or a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mbo_core.errors import MboError, nearest
from mbo_core.stages.contracts import Stage, infos, notes


@dataclass(frozen=True)
class Note:
    """Something that people have to know of a trial, though it gave designs.

    Attributes:
        seed: of which trial, or None for the whole run.
        source: who says so, e.g. `update bo-qei`, or the name of a plugin.
        text: the fact; empty where the values say all.
        values: measured figures by name.
    """

    seed: int | None
    source: str
    text: str = ""
    values: Mapping[str, float] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The note as JSON holds it."""
        return asdict(self)


def source(stage: Stage) -> str:
    """How notes and errors call a stage, e.g. `update bo-qei`."""
    return f"{stage.role} {stage.name}"


def check_declared(stage: Stage, given: Iterable[str]) -> None:
    """Refuse infos that a stage does not declare, so that a typo is found at the first step.

    Raises:
        MboError: with the nearest name that is declared.
    """
    known = infos(stage)
    for name in given:
        if name not in known:
            hint = nearest(name, known) if known else f'declare it: infos = {{"{name}": "<meaning>"}}'
            raise MboError(f'undeclared info "{name}" of {source(stage)}', hint)


def final_notes(stage: Stage, seed: int, last: Mapping[str, float]) -> list[Note]:
    """The notes that a stage declares for infos which are not 0 at a trial's last step."""
    return [Note(seed, source(stage), text) for name, text in notes(stage).items() if last.get(name)]
