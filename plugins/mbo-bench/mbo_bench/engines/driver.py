"""The driver: hands the cells that are missing to an engine until none is left."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from mbo_bench.cells.cell import Cell
from mbo_bench.durable import claims
from mbo_bench.durable.folder import Bench
from mbo_bench.durable.ledger import OUTCOMES, Ledger, last_outcomes
from mbo_bench.engines.job import SETTLED, Setting, wanted
from mbo_bench.engines.local import Engine

MOST_LOSSES = 2
"""A cell whose process is killed so often in one invocation counts as failed."""
TICK = 1.0
"""Seconds between two looks at what other drivers have done."""


@dataclass(frozen=True)
class Counts:
    """How many cells are in each state, each cell once."""

    done: int = 0
    failed: int = 0
    refused: int = 0
    running: int = 0
    left: int = 0

    @property
    def all(self) -> int:
        """All of them."""
        return self.done + self.failed + self.refused + self.running + self.left

    @property
    def ended(self) -> int:
        """Those on which nothing is left to do."""
        return self.done + self.failed + self.refused


@dataclass
class State:
    """What is known of the cells of a grid, from folder and ledger.

    Attributes:
        bench: the folder.
        cells: the cells by key; equal ones once.
        refused: those without a key.
    """

    bench: Bench
    cells: Mapping[str, Cell]
    refused: Sequence[Cell]
    ledger: Ledger = field(init=False)
    outcomes: dict[str, Mapping[str, Any]] = field(init=False)
    finished: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = self.bench.ledger
        self.ledger.refresh()
        self.ledger.check_end()
        self.outcomes = last_outcomes(self.ledger.events)
        self.finished = self.bench.finished()

    @classmethod
    def of(cls, bench: Bench, cells: Sequence[Cell]) -> State:
        """The state of these cells."""
        return cls(bench, {cell.key: cell for cell in cells if cell.key}, [cell for cell in cells if not cell.key])

    def refresh(self) -> list[Mapping[str, Any]]:
        """Read what was added to the ledger; the new outcomes of these cells."""
        new = [one for one in self.ledger.refresh() if one["event"] in OUTCOMES and one["cell"] in self.cells]
        self.outcomes = last_outcomes([*self.outcomes.values(), *new])
        self.finished |= {one["cell"] for one in new if one["event"] == "done"}
        return list(new)

    def of_cell(self, key: str) -> str:
        """`done`, `failed`, `refused` or `missing`."""
        event = str(self.outcomes.get(key, {}).get("event"))
        return event if event in SETTLED else "done" if key in self.finished else "missing"

    def missing(self, retry: bool) -> list[Cell]:
        """The cells that have to be run."""
        return [cell for key, cell in self.cells.items() if wanted(key, self.bench, self.outcomes, retry)]

    def counts(self, running: set[str]) -> Counts:
        """How many cells are in each state, with those that are known to be running."""
        found = Counter("running" if key in running else self.of_cell(key) for key in self.cells)
        found["left"] = found.pop("missing", 0)
        found["refused"] += len({(cell.method, cell.task, cell.seeds) for cell in self.refused})
        return Counts(**found)


@dataclass
class Driver:
    """Runs what is missing.

    Attributes:
        state: the cells.
        engine: where they run.
        setting: how.
        report: called after each change with the counts and the new outcomes.
        budget: seconds after which no cell is started.
    """

    state: State
    engine: Engine
    setting: Setting
    report: Callable[[Counts, Sequence[Mapping[str, Any]]], None]
    budget: float = float("inf")
    running: dict[str, int] = field(default_factory=dict)
    """The cells that this driver runs, and how many outcomes of each were known before."""
    lost: Counter[str] = field(default_factory=Counter)

    def go(self) -> Counts:
        """Run until nothing is left to do, or the budget is spent."""
        end = time.monotonic() + self.budget
        queue = deque(self.state.missing(self.setting.retry))
        with closing(self.engine):
            self._report([])
            while self.running or (queue and time.monotonic() < end):
                if time.monotonic() < end:
                    self._submit(queue)
                ended = self.engine.ended(TICK)
                new = self.state.refresh()
                queue.extend(again for cell, status in ended if (again := self._settle(cell, status)))
                self._report([*new, *self.state.refresh()])
        self.state.finished = self.state.bench.finished()
        return self.state.counts(set())

    def _report(self, new: Sequence[Mapping[str, Any]]) -> None:
        others = claims.all_held(self.state.bench.claims) & set(self.state.cells)
        self.report(self.state.counts(set(self.running) | others), new)

    def _submit(self, queue: deque[Cell]) -> None:
        """Give the engine what it can take, but for cells that another driver runs: those are looked at again."""
        free = self.engine.free()
        for _ in range(len(queue) if free else 0):
            cell = queue.popleft()
            if not self._is_wanted(cell):
                continue
            if claims.held(self.state.bench.claims, cell.key):
                queue.append(cell)
                continue
            self.running[cell.key] = self._known(cell)
            self.engine.submit(cell)
            free -= 1
            if not free:
                return

    def _is_wanted(self, cell: Cell) -> bool:
        # What failed before is retried, also once more if that is lost.
        retry = self.setting.retry and cell.key not in self.running
        return wanted(cell.key, self.state.bench, self.state.outcomes, retry)

    def _known(self, cell: Cell) -> int:
        return sum(one["cell"] == cell.key and one["event"] in OUTCOMES for one in self.state.ledger.events)

    def _settle(self, cell: Cell, status: int) -> Cell | None:
        """Note the end of a cell's process; the cell, if it has to be looked at again."""
        before = self.running.pop(cell.key)
        if self._known(cell) > before:
            return None
        if status == 0:  # another driver was faster
            return cell
        self.lost[cell.key] += 1
        last = self.lost[cell.key] >= MOST_LOSSES
        reason = f"{why(status)}{', as the time before' if last else ''}"
        self.state.ledger.append("failed" if last else "lost", cell.key, reason=reason)
        return None if last else cell


def why(status: int) -> str:
    """Why a process ended without an outcome.

    >>> why(-9), why(1)
    ('its process was killed by signal 9; is there enough memory?', 'its process ended with status 1; logs has more')
    """
    if status < 0:
        return f"its process was killed by signal {-status}" + ("; is there enough memory?" if status == -9 else "")
    return f"its process ended with status {status}; logs has more"
