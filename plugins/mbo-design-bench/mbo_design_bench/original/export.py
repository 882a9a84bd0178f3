"""Data that are here in another form, as the files that the original package reads."""

from __future__ import annotations

from pathlib import Path

import click

from mbo_core.errors import TaskError
from mbo_design_bench.layout import Facts


@click.command()
@click.argument("task")
def export(task: str) -> None:
    """Write the data of TASK, from this package or an .npz archive, as files for the original design-bench."""
    from mbo_design_bench import data
    from mbo_design_bench.facts import named

    for path in written(named(task), data.folders()[0]):
        click.echo(path)


def written(facts: Facts, root: Path) -> list[Path]:
    """Write all rows of a task below `root` in Design-Bench's layout; the files.

    Raises:
        TaskError: where the data are not here, or are other rows than Design-Bench's.
        StoreError: if the disk is full, or the folder cannot be written.
    """
    from mbo_design_bench import checksums, rows, shards, tf_bind_8

    x, y = tf_bind_8.dataset() if facts.packaged else rows.read(facts)
    if facts.rows not in {None, len(x)}:
        raise TaskError(
            f"{facts.name}: {rows.place(facts)} holds {len(x)} rows, and Design-Bench {facts.rows}",
            f"`{rows.command(facts)}` gets those",
        )
    paths = shards.write(root / facts.layout.folder, facts.layout, x, y)
    for path in paths:
        checksums.record(path, checksums.sha256(path))
    return paths
