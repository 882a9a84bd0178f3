"""The local engine: workers on this machine, with one thread each."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from mbo_bench.cells.cell import Cell
from mbo_bench.engines.job import Setting
from mbo_core.errors import MboError

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
MOST_STARTS = 5
"""How often a worker that ends at once is started again."""


class Engine(Protocol):
    """Where cells run. Whether one is finished says the ledger; an engine only says that its process has ended."""

    def free(self) -> int:
        """How many cells it can take."""

    def submit(self, cell: Cell) -> None:
        """Run a cell."""

    def ended(self, timeout: float) -> list[tuple[Cell, int]]:
        """The cells whose processes have ended, with exit statuses, as soon as there are any or the time is over."""

    def close(self) -> None:
        """End all processes."""


@dataclass
class Worker:
    """A worker process and the cell that it runs."""

    process: subprocess.Popen[bytes]
    cell: Cell | None = None
    ready: bool = False
    _rest: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(cls, setting: Setting) -> Worker:
        """Start a worker."""
        code = "from mbo_bench.engines.worker import main; main()"
        environment = {**os.environ, **dict.fromkeys(THREADS, str(setting.threads))}
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, setting.text()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the driver, which ends its workers
        )
        return cls(process)

    @property
    def answers(self) -> int:
        """The descriptor of its answers."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def give(self, cell: Cell) -> None:
        """Send it a cell; a worker that has ended is noticed when its answer is read."""
        assert self.process.stdin is not None
        self.cell = cell
        with suppress(BrokenPipeError):
            os.write(self.process.stdin.fileno(), json.dumps(cell.plain()).encode() + b"\n")

    def lines(self) -> list[str] | None:
        """Its new answers; None if it has ended."""
        data = os.read(self.answers, 65536)
        if not data:
            return None
        self._rest += data
        *whole, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        return [line.decode() for line in whole]

    def end(self) -> None:
        """End it and the process of its cell."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


class Local:
    """An engine of workers on this machine.

    Args:
        setting: how cells are run.
        workers: how many.
    """

    def __init__(self, setting: Setting, workers: int) -> None:
        self.setting, self.starts = setting, 0
        self.selector = selectors.DefaultSelector()
        self.workers: list[Worker] = []
        for _ in range(workers):
            self._start()

    def _start(self) -> None:
        worker = Worker.start(self.setting)
        self.workers.append(worker)
        self.selector.register(worker.answers, selectors.EVENT_READ, worker)

    def free(self) -> int:
        """The idle workers."""
        return sum(one.ready and one.cell is None for one in self.workers)

    def submit(self, cell: Cell) -> None:
        """Give a cell to an idle worker."""
        next(one for one in self.workers if one.ready and one.cell is None).give(cell)

    def ended(self, timeout: float) -> list[tuple[Cell, int]]:
        """The cells whose processes have ended; a worker that was killed loses its cell and is replaced."""
        found: list[tuple[Cell, int]] = []
        for key, _ in self.selector.select(timeout):
            found += self._answered(key.data)
        return found

    def _answered(self, worker: Worker) -> list[tuple[Cell, int]]:
        lines, cell = worker.lines(), worker.cell
        if lines is None:
            self._replace(worker)
            return [] if cell is None else [(cell, worker.process.returncode or 1)]
        found = []
        for line in lines:
            if line == "ready":
                worker.ready, self.starts = True, 0
            elif cell is not None:
                worker.cell = None
                found.append((cell, int(line)))
        return found

    def _replace(self, worker: Worker) -> None:
        self.selector.unregister(worker.answers)
        self.workers.remove(worker)
        worker.end()
        self.starts += 1
        if self.starts > MOST_STARTS:
            fact = f"worker cannot be started: it ended with status {worker.process.returncode}"
            raise MboError(fact, "its reason is printed above")
        self._start()

    def close(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.end()
        self.selector.close()
