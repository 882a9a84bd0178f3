"""What people see of a run while it goes on: progress, and each step's infos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import torch
from torch import Tensor

Report: TypeAlias = Callable[[str, int, int], None]
"""Called with the phase (`encode`, `train`, `prepare the search`, `search`), the steps done, and their total."""

KEPT = 1000
"""About so many steps of a phase are kept for its CSV file; a longer phase is thinned evenly, its last step kept."""


@dataclass
class Phase:
    """The steps of one phase for a group of seeds."""

    name: str
    total: int
    seeds: tuple[int, ...]
    done: int = 0
    unchecked: list[Mapping[str, Tensor]] = field(default_factory=list)
    kept: list[tuple[int, Mapping[str, Tensor]]] = field(default_factory=list)
    latest: Mapping[str, Tensor] = field(default_factory=dict)
    """The infos of the last step that have a value for each candidate, (seeds, candidates)."""
    failed: dict[int, str] = field(default_factory=dict)

    def keeps(self, step: int) -> bool:
        """Whether a step is kept for people."""
        return step % max(1, self.total // KEPT) == 0 or step == self.total - 1


@dataclass
class Watch:
    """Collects infos, reports progress, and notices NaN.

    Args:
        report: told of every step.
    """

    report: Report = lambda phase, done, total: None
    phases: list[Phase] = field(default_factory=list)

    def begin(self, name: str, total: int, seeds: Sequence[int]) -> None:
        """A phase of `total` steps begins."""
        self.phases.append(Phase(name, total, tuple(seeds)))
        self.report(name, 0, total)

    def step(self, info: Mapping[str, Tensor]) -> None:
        """One step was taken.

        Args:
            info: (seeds,) tensors; or (seeds, candidates), of which the mean is kept, and of the last step all.
        """
        phase = self.phases[-1]
        phase.latest = {name: value.detach() for name, value in info.items() if value.ndim > 1}
        means = {
            name: value.detach().flatten(1).float().mean(1) if value.ndim > 1 else value.detach()
            for name, value in info.items()
        }
        phase.unchecked.append(means)
        if phase.keeps(phase.done):
            phase.kept.append((phase.done, means))
        phase.done += 1
        self.report(phase.name, phase.done, phase.total)

    def replay(self, seed: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take in what `rows` told of a seed in an earlier run, instead of its steps."""
        for name, steps in groupby(rows, itemgetter("phase")):
            kept: list[tuple[int, Mapping[str, Tensor]]] = [(row["step"], _info(row)) for row in steps]
            self.phases.append(Phase(name, len(kept), (seed,), kept=kept))

    def diverged(self, what: str) -> dict[int, str]:
        """The seeds of which an info was not finite in this phase so far, each with the first such step."""
        phase = self.phases[-1]
        first = phase.done - len(phase.unchecked)
        for name in phase.unchecked[0] if phase.unchecked else ():
            values = torch.stack([info[name] for info in phase.unchecked], dim=1).cpu()
            for seed, series in zip(phase.seeds, values, strict=True):
                lost = (~torch.isfinite(series)).nonzero()
                if len(lost):
                    step = int(lost[0])
                    fact = f"{what} diverged: {name} is {float(series[step])} at step {first + step}"
                    phase.failed.setdefault(seed, fact)
        phase.unchecked.clear()
        return dict(phase.failed)

    def of_candidates(self, seed: int) -> dict[str, list[float]]:
        """What the last step of the search told of each candidate of a seed."""
        return {
            name: value[phase.seeds.index(seed)].tolist()
            for phase in self.phases
            if seed in phase.seeds
            for name, value in phase.latest.items()
        }

    def rows(self, seed: int) -> list[dict[str, float | int | str]]:
        """The kept steps of a seed: phase, step and each info."""
        return [
            {
                "phase": phase.name,
                "step": step,
                **{name: float(value[phase.seeds.index(seed)]) for name, value in info.items()},
            }
            for phase in self.phases
            if seed in phase.seeds
            for step, info in phase.kept
        ]


def _info(row: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        name: torch.tensor([value], dtype=torch.float64) for name, value in row.items() if name not in ("phase", "step")
    }
