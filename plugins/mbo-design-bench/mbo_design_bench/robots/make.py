"""Simulate the scores of the packaged data sets again, and write them to FOLDER.

They agree to the last bit on the same MuJoCo and kind of processor (see the notes of the tasks), and nearly so on
others, as a fall is chaotic.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from mbo_core.runs import store
from mbo_core.text import say
from mbo_design_bench.robots import made, tasks
from mbo_design_bench.robots.made import Numbers
from mbo_design_bench.shards import encoded

PART = 100
"""Bodies between two steps of the progress bar."""


def ant(done: Callable[[int], None]) -> Numbers:
    """Scores of all bodies of the Ant, (5000,)."""
    found = []
    for part in np.array_split(made.bodies(), made.ANT_ROWS // PART):
        found.append(tasks.GAIT_ORACLE.score(part))
        done(len(part))
    return np.concatenate(found)


def hopper(done: Callable[[int], None]) -> Numbers:
    """Scores of all controllers of the Hopper, (3200,): each generation's are needed for the next."""
    known, count = np.zeros(made.HOPPER_ROWS), 0
    for generation in made.controllers(known):
        known[count : count + len(generation)] = tasks.GYM_ORACLE.score(generation)
        count += len(generation)
        done(len(generation))
    return known


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Simulate, with a progress bar."""
    _write(folder / made.ANT_FILE, made.ANT_ROWS, ant)
    _write(folder / made.HOPPER_FILE, made.HOPPER_ROWS, hopper)


def _write(path: Path, rows: int, make: Callable[[Callable[[int], None]], Numbers]) -> None:
    with click.progressbar(length=rows, label=path.name, file=sys.stderr) as bar:
        store.write(path, encoded(make(bar.update)))
    say(path)


if __name__ == "__main__":
    main()
