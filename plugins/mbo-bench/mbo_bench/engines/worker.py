"""A worker: it imports everything once, and runs one cell after another, each in a process of its own.

It reads cells as lines of JSON, and answers each with the exit status of its process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from mbo_bench.cells.cell import Cell
from mbo_bench.durable.folder import Bench
from mbo_bench.engines.isolation import in_own_process
from mbo_bench.engines.job import Job, Setting


def main() -> None:
    """Work until the standard input is closed."""
    setting = Setting.parse(sys.argv[1])
    bench = Bench(Path(setting.folder))
    answers = _own_output()
    registry = setting.registry()
    _warm()
    os.write(answers, b"ready\n")
    while line := _line():
        cell = Cell.of(json.loads(line))
        log = bench.log(cell.key)
        status = in_own_process(Job(setting, cell), registry, log)
        if log.exists() and not log.stat().st_size:
            log.unlink()
        os.write(answers, f"{status}\n".encode())


def _own_output() -> int:
    """The standard output for answers alone: what a library prints goes to stderr."""
    answers = os.dup(1)
    os.set_inheritable(answers, False)
    os.dup2(2, 1)
    return answers


def _line() -> bytes:
    """A line of the standard input, unbuffered, as processes of cells share it."""
    read = bytearray()
    while not read.endswith(b"\n"):
        part = os.read(0, 1)
        if not part:
            return b""
        read += part
    return bytes(read)


def _warm() -> None:
    """Import what every cell needs; nothing is computed."""
    import mbo_core.runs.execute  # noqa: F401
