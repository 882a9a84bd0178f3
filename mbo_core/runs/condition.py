"""Whether a stored run is running, stopped or complete, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Any

from mbo_core.runs.lock import alive, last_sign

PROGRESS = "progress.json"
"""The file that is in a run's folder until it is complete."""

STOPPED = "stopped"
"""The status of a run that ended without recording so, as a process that was killed."""


def unfinished(folder: Path) -> bool:
    """Whether a folder holds a run to be continued."""
    return (folder / PROGRESS).exists()


def command(path: Path, own_table: bool) -> str:
    """How to continue the run in a folder; on a table that is no file, in Python."""
    if own_table:
        return f"mbo.run({json.dumps(str(path))}, task, out={json.dumps(str(path))}, resume=True)"
    return f"mbo run --resume {quote(str(path))}"


def status(folder: Path, record: Mapping[str, Any]) -> str:
    """The status of a run: that of its record, unless it says `running` and nobody works in the folder."""
    recorded: str = record["status"]
    return STOPPED if recorded == "running" and not alive(folder) else recorded


def condition(folder: Path, record: Mapping[str, Any]) -> str:
    """The status, with what is kept of a run that is not complete and how to continue it."""
    now = status(folder, record)
    if now == "done" or not unfinished(folder):
        return now
    seeds = record["candidates"]["distinct"]
    kept = f"{len(seeds) - seeds.count(None)} of {len(seeds)} seeds kept"
    if now == "running":
        return f"running, last sign of life at {_clock(last_sign(folder))}; {kept}"
    said = f"stopped without a word at {_clock(last_sign(folder))}" if now == STOPPED else now
    return f"{said}; {kept}; continue with {command(folder, record['own_table'] and not record['source'])}"


def _clock(seconds: float) -> str:
    """A time of day, with the date if it was another day."""
    then = datetime.fromtimestamp(seconds)
    return then.strftime("%H:%M" if then.date() == datetime.now().date() else "%Y-%m-%d %H:%M")
