"""The folder of a batch of proposals.

```
proposals.csv    the proposals, in the dialect of the table
proposals.json   what was asked for, and all that is known of the proposals
report.html      the same for people, with charts; one file that needs no network
space.toml       the space; correct it and give it to --space
table.csv        the table as it was read, in its dialect
recipe.toml, run.json, seeds/   the run of the recipe, see `mbo show FOLDER`
```
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mbo_core.errors import StoreError
from mbo_core.runs.store import Folder, fresh, to_json, write
from mbo_core.tasks.space import Space
from mbo_core.tasks.space_file import space_text
from mbo_propose.record import Proposals
from mbo_propose.report import write_report
from mbo_propose.wishes import Wishes

FOLDERS = Path("mbo-proposals")
"""The folder for proposals without --out."""
FORMAT = 1


def new_folder(out: Path | None, name: str) -> Path:
    """A new folder, or the one that was asked for.

    Raises:
        StoreError: if it exists and is not empty, or cannot be written.
    """
    return fresh(FOLDERS, name) if out is None else Folder.create(out).path


def write_space(made: Proposals, path: Path) -> None:
    """Write the space to a new file, for people to correct.

    Raises:
        StoreError: if it exists, or cannot be written.
    """
    if path.exists():
        raise StoreError(f"{path} exists", "nothing was written: name another file, or remove this one")
    write(path, _space_text(made))


def _space_text(made: Proposals) -> str:
    """The space with the reason for each column."""
    return space_text(made.task.space, [*made.given.notes, *(f"{one.column}: {one.why}" for one in made.columns)])


def store(made: Proposals) -> None:
    """Write proposals, space and record into the folder."""
    assert made.folder is not None
    record = {"format": FORMAT, "wishes": _plain(made.wishes), **made.summary(), **_more(made)}
    write_frame(made, _rounded(made), made.folder / "proposals.csv")
    write_frame(made, made.given.table.frame, made.folder / "table.csv")
    write(made.folder / "space.toml", _space_text(made))
    write(made.folder / "proposals.json", to_json(record) + "\n")
    write_report(made, made.folder / "report.html")


def _rounded(made: Proposals) -> Any:
    """The frame of proposals for people: what is known of each in six digits, the designs as they are."""
    frame = made.frame()
    known = [name for name in frame.columns if name not in made.task.space.names and frame[name].dtype.kind == "f"]
    return frame.assign(**{name: [float(f"{value:.6g}") for value in frame[name]] for name in known})


def write_frame(made: Proposals, frame: Any, path: Path) -> None:
    """Write a frame in the dialect of the table; a spreadsheet runs no cell of it."""
    made.notes += made.given.table.write(frame, path)


def _plain(wishes: Wishes) -> dict[str, Any]:
    """The wishes as plain values; a space or a start that is no file is stored by itself."""
    bare = replace(wishes, space=None, start=None, recipe=str(getattr(wishes.recipe, "name", wishes.recipe)))
    files = {"start": str(wishes.start)} if isinstance(wishes.start, (str, os.PathLike)) else {}
    own = {"space": str(wishes.space)} if wishes.space is not None and not isinstance(wishes.space, Space) else {}
    return {**asdict(bare), **own, **files}


def _more(made: Proposals) -> dict[str, Any]:
    known = made.held_out
    return {
        "judged": None if made.judged is None else made.judged.summary(),
        "helps": made.helps,
        "calibration": None if made.calibration is None else asdict(made.calibration),
        "reasons": made.reasons,
        "spacing": made.spacing[0],
        "reach": made.spacing[1],
        "held_out_error": None if known is None else known.error,
        "flags": [{"flag": one.flag, "why": one.why, "gain": one.gain} for one in made.proposals],
    }


def load_record(folder: Path) -> dict[str, Any]:
    """The record of a folder.

    Raises:
        StoreError: for a folder without one.
    """
    try:
        record = json.loads((folder / "proposals.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder} holds no proposals", "name a folder that `mbo propose` wrote") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise StoreError(f"{folder} is not of this version of mbo-propose", "propose again")
    return record
