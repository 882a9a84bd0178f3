"""What `mbo run --resume FOLDER` continues."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mbo_core.errors import RecipeError, StoreError

if TYPE_CHECKING:
    from mbo_core.runs.progress import Options


def begun(recipe: str | None, out: Path | None, resume: Path | None) -> tuple[str, Path | None, Options]:
    """The recipe, the folder, and what else was asked when the run began.

    Raises:
        RecipeError: for two folders.
        StoreError: for a folder without an unfinished run.
    """
    from mbo_core.runs.progress import Options, Progress

    if resume is None:
        if recipe is None:
            raise click.UsageError("Missing argument 'RECIPE'.")
        return recipe, out, Options(device="auto")
    if out is not None and out != resume:
        raise RecipeError("--out and --resume name two folders", "leave out --out")
    _refuse(resume)
    return recipe or str(resume), resume, Progress.load(resume).options


def _refuse(folder: Path) -> None:
    from mbo_core.runs.checksums import RECORD
    from mbo_core.runs.condition import unfinished
    from mbo_core.runs.lock import LOCK, alive

    if unfinished(folder):
        return
    if (folder / RECORD).exists():
        raise StoreError(f"run in {folder} is complete, there is nothing to continue", f"see it: mbo show {folder}")
    if alive(folder):
        raise StoreError(f"{folder} is in use by a run that has just begun", "wait for that run")
    if (folder / LOCK).exists():
        hint = f"give the whole command again, with --out {folder}"
        raise StoreError(f"run in {folder} stopped before it began, there is nothing to continue", hint)
    raise StoreError(f"{folder} holds no run to continue", "name the folder of an unfinished run")
