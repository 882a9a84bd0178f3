"""Export data in the files of the original package."""

from __future__ import annotations

from pathlib import Path

import click

from mbo_core.errors import TaskError
from mbo_core.text import say
from mbo_design_bench.layout import Facts


@click.command()
@click.argument("task")
def export(task: str) -> None:
    """Write the data of TASK, from this package or an .npz archive, as files for the original design-bench."""
    from mbo_design_bench import data
    from mbo_design_bench.facts import named

    for path in written(named(task), data.folders()[0]):
        say(path)


def written(facts: Facts, root: Path) -> list[Path]:
    """Write all rows of a task below `root` in Design-Bench's layout; returns the files.

    Raises:
        TaskError: if the data are missing, or differ from Design-Bench's rows.
        StoreError: if the disk is full, or the folder cannot be written.
    """
    from mbo_design_bench import checksums, rows, shards, tf_bind_8

    x, y = tf_bind_8.dataset() if facts.packaged else rows.read(facts)
    if facts.rows not in {None, len(x)}:
        raise TaskError(
            f"{facts.name}: {rows.place(facts)} has {len(x)} rows, but Design-Bench has {facts.rows}",
            f"`{rows.command(facts)}` gets them",
        )
    paths = shards.write(root / facts.layout.folder, facts.layout, x, y)
    for path in paths:
        checksums.record(path, checksums.sha256(path))
    return paths
