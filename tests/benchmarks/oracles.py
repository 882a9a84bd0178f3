"""How many designs a second the oracles of tasks score on one thread.

    python tests/benchmarks/oracles.py [TASK ...]

Each scores visible designs in batches of 128, as an evaluation does, and in one batch as large as it manages in about
a second; a task that is not ready here says why. Without names: all tasks that are ready.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import mbo_core as mbo
from mbo_core.tasks import Oracle

BATCH, SECONDS = 128, 1.0


def rate(oracle: Oracle, designs: np.ndarray, size: int) -> float:
    """Designs a second, in batches of `size` drawn from `designs`."""
    rows = np.random.default_rng(0).integers(0, len(designs), (16, size))
    batches = [designs[row] for row in rows]
    start, done = time.perf_counter(), 0
    while done == 0 or time.perf_counter() - start < SECONDS:
        oracle.score(batches[done % len(batches)])
        done += 1
    return done * size / (time.perf_counter() - start)


def main() -> None:
    tasks = mbo.installed().tasks
    names = sys.argv[1:] or [name for name, offered in tasks.items() if offered.value.unready() is None]
    print(f"{'task':40} {'oracle':10} {'batches of 128':>15} {'one batch':>12}  designs a second")
    for name in names:
        offer = tasks[name].value
        if (reason := offer.unready()) is not None:
            print(f"{name:40} {reason}")
            continue
        task = offer.load()
        small = rate(task.oracle, task.x, BATCH)
        large = rate(task.oracle, task.x, int(np.clip(small, BATCH, 500_000)))
        print(f"{name:40} {offer.info.oracle:10} {small:15,.0f} {large:12,.0f}")


if __name__ == "__main__":
    main()
