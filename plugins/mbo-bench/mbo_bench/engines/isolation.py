"""A process for each cell: forked from one that has everything imported, so that it starts in milliseconds.

Forking is safe here because the parent has one thread and never computes: torch starts its threads at the first
operation. Where a process cannot be forked, or some library started a thread at its import, each cell gets a new
interpreter instead.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from mbo_bench.cells.cell import Cell
from mbo_bench.engines.job import Job, Setting
from mbo_core.plugins.registry import Registry


def in_own_process(job: Job, registry: Registry, log: Path) -> int:
    """Run a job in a new process and wait for it: its exit status, or minus the signal that killed it."""
    return _forked(job, registry, log) if can_fork() else _started(job, log)


def can_fork() -> bool:
    """Whether a fork of this process is safe."""
    return hasattr(os, "fork") and threads() == 1


def threads() -> int:
    """The threads of this process, those of libraries too where the system tells."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()


def _forked(job: Job, registry: Registry, log: Path) -> int:
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _end(_in_child(lambda: job.go(registry, lambda: end_with(parent)), log))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _in_child(go: Callable[[], None], log: Path) -> int:
    """Run with all output in a file; the exit status."""
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        go()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(status: int) -> None:
    # Not sys.exit: nothing of the parent's may run twice.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def end_with(parent: int) -> None:
    """End this process if its parent has ended, or whoever holds the other end of the standard input."""
    if os.getppid() != parent or _input_closed():
        os._exit(1)


def _input_closed() -> bool:
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(0, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


def _started(job: Job, log: Path) -> int:
    code = "from mbo_bench.engines.isolation import main; main()"
    with log.open("ab") as file:
        return subprocess.run(
            [sys.executable, "-P", "-c", code, job.setting.text()],
            input=_text(job.cell),
            stdout=file,
            stderr=file,
            check=False,
        ).returncode


def _text(cell: Cell) -> bytes:
    import json

    return json.dumps(cell.plain()).encode()


def main() -> None:
    """Run the cell on the standard input, in this new process."""
    import json

    setting, parent = Setting.parse(sys.argv[1]), os.getppid()
    cell = Cell.of(json.loads(sys.stdin.buffer.read()))

    def watch() -> None:
        if os.getppid() != parent:
            os._exit(1)

    Job(setting, cell).go(setting.registry(), watch)
