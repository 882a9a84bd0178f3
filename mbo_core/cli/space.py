"""`mbo space`."""

from __future__ import annotations

from pathlib import Path

import click

from mbo_core.cli.common import said_of_table, table_options
from mbo_core.cli.program import Commands
from mbo_core.errors import StoreError
from mbo_core.text import say


@click.group(cls=Commands)
def space() -> None:
    """The designs that can be made."""


@space.command()
@click.argument("table")
@table_options
@click.option("--out", type=click.Path(path_type=Path), help="The file, e.g. space.toml; printed by default.")
def infer(
    table: str,
    target: str | None,
    minimize: bool,
    weights: str | None,
    space: str | None,
    ignore: tuple[str, ...],
    out: Path | None,
) -> None:
    """Propose the space of TABLE, a CSV or .npz file, with the reason for each column.

    Correct the file and give it to `mbo run` with --space.
    """
    from mbo_core.tasks.files import read_table
    from mbo_core.tasks.space_file import space_text, write_space

    task = read_table(table, **said_of_table(target, minimize, weights, space, ignore))
    if out is None:
        say(space_text(task.space, task.notes), nl=False)
        return
    for note in task.notes:
        say(note, err=True)
    try:
        write_space(out, task.space, task.notes)
    except OSError as error:
        raise StoreError(f"cannot write {out}: {error.strerror}", "name another --out") from error
    say(out)
