"""What people see of a bench that runs: a line that changes in a terminal, lines that stay in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mbo_bench.engines.driver import Counts, State
from mbo_bench.estimate import estimate
from mbo_core.cli.dry_run import duration
from mbo_core.text import say

if TYPE_CHECKING:
    from rich.progress import Progress

EVERY = 60.0
"""Seconds between two lines in a log."""


@dataclass
class Shown:
    """Shows the state of a bench on the standard error.

    Attributes:
        state: the cells.
        workers: how many run at a time.
        bar: the bar in a terminal, or None for a log.
    """

    state: State
    workers: int
    bar: Progress | None = None
    _last: float = field(default=float("-inf"))

    def __call__(self, counts: Counts, new: Sequence[Mapping[str, Any]]) -> None:
        """Show the counts, and a line for each failure."""
        for event in new:
            if event["event"] != "done":
                self._line(failure(self.state, event))
        text = line(counts, self._left(counts))
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=counts.ended, total=counts.all, description=text)
        elif time.monotonic() - self._last >= EVERY or not counts.running + counts.left:
            self._last = time.monotonic()
            self._line(f"{time.strftime('%H:%M:%S')} {text}")

    def _line(self, text: str) -> None:
        if self.bar is not None:
            self.bar.console.print(text, markup=False, highlight=False)
        else:
            say(text, err=True)

    def _left(self, counts: Counts) -> float | None:
        """The seconds that are left, or None if unknown."""
        cells = [cell for key, cell in self.state.cells.items() if self.state.of_cell(key) == "missing"]
        found = estimate(cells, self.state.ledger.events)
        return None if found.unknown else found.seconds / max(1, self.workers)


def line(counts: Counts, left: float | None) -> str:
    """The counts for people.

    >>> line(Counts(done=3, failed=1, running=2, left=4), 90.0)
    '3 of 10 cells done, 1 failed, 2 running, 4 to do, about 2 min left'
    """
    parts = [f"{counts.done} of {counts.all} cells done"]
    parts += [f"{counts.failed} failed"] if counts.failed else []
    parts += [f"{counts.refused} refused"] if counts.refused else []
    parts += [f"{counts.running} running"] if counts.running else []
    parts += [f"{counts.left} to do"] if counts.left else []
    if counts.running + counts.left:
        parts.append("time left unknown" if left is None else f"about {duration(left)} left")
    return ", ".join(parts)


def failure(state: State, event: Mapping[str, Any]) -> str:
    """One line on a cell that did not come to its end."""
    reason = " ".join(str(event.get("reason", "")).split())
    return f"{event['event']}: {state.cells[event['cell']].label}: {reason}"


@contextmanager
def shown(state: State, workers: int) -> Iterator[Shown]:
    """Show the state of a bench while it runs."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Shown(state, workers)
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as bar:
        bar.add_task("", total=None)
        yield Shown(state, workers, bar)
