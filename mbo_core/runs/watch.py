"""Watch a run: progress and the infos of each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import torch
from torch import Tensor

from mbo_core.runs.notes import Note, check_declared, final_notes, source
from mbo_core.stages.contracts import Stage

Report: TypeAlias = Callable[[str, int, int], None]
"""Called with the phase (`encode`, `fit`, `train`, `prepare the search`, `search`), the steps done, and their total."""

FIT = "fit"
"""The phase of a proxy's `init`, if it gives an info."""

PREPARE = "prepare the search"
"""The phase of an update's `init`, if it gives an info."""

KEPT = 1000
"""About how many steps of a phase go into its CSV file; a longer phase is thinned evenly, but keeps its last step."""


@dataclass
class Phase:
    """The steps of a stage for a group of seeds."""

    name: str
    stage: Stage
    total: int
    seeds: tuple[int, ...]
    done: int = 0
    checked: int = 0
    series: dict[str, Tensor] = field(default_factory=dict)
    """Each info over all steps, (seeds, total). It is one tensor, because keeping many small ones fragments the memory
    for the large tensors of a step: 1.7 MB per kept step were lost at width 2048."""
    latest: Mapping[str, Tensor] = field(default_factory=dict)
    """The infos of the last step with a value per candidate, (seeds, candidates)."""
    failed: dict[int, str] = field(default_factory=dict)
    numbers: Sequence[int] = ()
    """The numbers of the steps, if they come from an earlier run."""

    def keep(self, name: str, values: Tensor) -> None:
        """Keep an info (seeds,) of the current step."""
        if name not in self.series:
            shape = (len(self.seeds), self.total)
            kind = values.dtype if values.is_floating_point() else torch.float32
            self.series[name] = torch.full(shape, torch.nan, dtype=kind, device=values.device)
        self.series[name][:, self.done] = values

    def of(self, seed: int, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One seed's part of `series` or `latest`."""
        return {name: value[self.seeds.index(seed)] for name, value in values.items()}

    def shown(self) -> list[int]:
        """The steps that are kept: about `KEPT`, and the last."""
        apart = max(1, self.total // KEPT)
        return [step for step in range(self.done) if step % apart == 0 or step == self.total - 1]


@dataclass
class Watch:
    """Collects infos and notes, reports progress, and notices NaN.

    Args:
        report: called at every step.
        notes: the notes so far; a plugin may add its own.
    """

    report: Report = lambda phase, done, total: None
    phases: list[Phase] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def begin(self, name: str, stage: Stage, total: int, seeds: Sequence[int]) -> None:
        """Begin a phase of `total` steps of a stage."""
        self.phases.append(Phase(name, stage, total, tuple(seeds)))
        self.report(name, 0, total)

    def step(self, info: Mapping[str, Tensor]) -> None:
        """Record one step.

        Args:
            info: (seeds,) tensors, with the same names at every step; or (seeds, candidates) tensors, of which the mean
                is kept, and all values of the last step.

        Raises:
            MboError: at the first step, for an undeclared info.
        """
        phase = self.phases[-1]
        if not phase.done:
            check_declared(phase.stage, info)
        phase.latest = {name: value.detach() for name, value in info.items() if value.ndim > 1}
        for name, value in info.items():
            phase.keep(name, value.detach().flatten(1).float().mean(1) if value.ndim > 1 else value.detach())
        phase.done += 1
        self.report(phase.name, phase.done, phase.total)

    def replay(self, stage: Stage, seed: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Restore the logged steps of a seed from an earlier run."""
        for name, steps in groupby(rows, itemgetter("phase")):
            kept = list(steps)
            self.phases.append(phase := Phase(name, stage, len(kept), (seed,), numbers=[row["step"] for row in kept]))
            for row in kept:
                for info in (key for key in row if key not in {"phase", "step"}):
                    phase.keep(info, torch.tensor([row[info]], dtype=torch.float64))
                phase.done += 1

    def diverged(self, what: str) -> dict[int, str]:
        """The seeds with a non-finite info in this phase so far, each with the first such step."""
        phase = self.phases[-1]
        for name, series in phase.series.items():
            new = series[:, phase.checked : phase.done].cpu()
            for seed, values in zip(phase.seeds, new, strict=True):
                lost = (~torch.isfinite(values)).nonzero()
                if len(lost):
                    step = int(lost[0])
                    fact = f"{what} diverged: {name} is {float(values[step])} at step {phase.checked + step}"
                    phase.failed.setdefault(seed, fact)
        phase.checked = phase.done
        return dict(phase.failed)

    def of_candidates(self, seed: int) -> dict[str, list[float]]:
        """The infos of the last search step for each candidate of a seed."""
        latest = [phase.of(seed, phase.latest) for phase in self._of(seed)]
        return {name: value.tolist() for infos in latest for name, value in infos.items()}

    def rows(self, seed: int) -> list[dict[str, float | int | str]]:
        """The kept steps of a seed: phase, step and each info."""
        return [row for phase in self._of(seed) for row in _rows(phase, seed)]

    def notes_of(self, seeds: Sequence[int]) -> list[Note]:
        """The notes on the run and on some seeds, including those declared for the last infos of their stages."""
        noted = [note for note in self.notes if note.seed is None or note.seed in seeds]
        return noted + [note for seed in seeds for phase in self._of(seed) for note in _final_notes(phase, seed)]

    def _of(self, seed: int) -> list[Phase]:
        return [phase for phase in self.phases if seed in phase.seeds]


def _final_notes(phase: Phase, seed: int) -> list[Note]:
    if not phase.done:
        return []
    last = {name: float(values[phase.done - 1]) for name, values in phase.of(seed, phase.series).items()}
    chosen = [Note(seed, source(phase.stage), values=last)] if phase.name == FIT else []
    return chosen + final_notes(phase.stage, seed, last)


def _rows(phase: Phase, seed: int) -> Iterator[dict[str, float | int | str]]:
    steps = phase.shown()
    columns = {name: series[steps].tolist() for name, series in phase.of(seed, phase.series).items()}
    for i, step in enumerate(steps):
        number = phase.numbers[step] if phase.numbers else step
        yield {"phase": phase.name, "step": number, **{name: values[i] for name, values in columns.items()}}
