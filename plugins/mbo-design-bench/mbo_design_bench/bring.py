"""Import a user's data: everything is checked before anything is written."""

from __future__ import annotations

from pathlib import Path

from mbo_core.errors import TaskError
from mbo_design_bench import checksums, data, rows
from mbo_design_bench.layout import Facts


def bring(facts: Facts, source: Path, root: Path) -> list[Path]:
    """Copy a task's data to the data folder; returns the files written.

    Args:
        facts: the task.
        source: a folder in Design-Bench's layout, the data set's own folder, a folder that holds the archive, or the
            archive itself.
        root: the folder to write to.

    Raises:
        TaskError: if they are not there, damaged, or not those of Design-Bench.
        StoreError: if the disk is full, or the folder cannot be written.
    """
    found = locate(facts, source)
    if found.is_dir():
        rows.from_folder(found, facts)
        folder, names = root / facts.layout.folder, facts.layout.files()
    else:
        rows.from_archive(found, facts)
        found, folder, names = found.parent, root, [found.name]
    return [_copy(found / name, folder / name) for name in names]


def locate(facts: Facts, source: Path) -> Path:
    """The folder of shards, or the archive, that `source` holds or is.

    Raises:
        TaskError: with the names that were looked for.
    """
    archive = facts.archive.file if facts.archive else None
    for folder in (source / facts.layout.folder, source):
        if any(data.exists(folder / name) for name in facts.layout.files()):
            return folder
    for path in (source / str(archive), source):
        if path.name == archive and data.exists(path):
            return path
    first = facts.layout.files()[0]
    wanted = [f"{facts.layout.folder}/{first}", first, *([archive] if archive else [])]
    raise TaskError(f"{source} holds no {', no '.join(wanted)}", "give the folder that holds one of these")


def _copy(source: Path, path: Path) -> Path:
    try:
        content = source.read_bytes()
    except OSError as error:
        raise TaskError(f"{source} cannot be read: {error.strerror}", data.UNREADABLE) from error
    data.write(path, content)
    checksums.record(path, checksums.sha256(path))
    return path
