"""Tables from files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mbo_core.errors import TaskError


@dataclass(frozen=True)
class Table:
    """A table that was read, and how."""

    frame: Any
    dialect: str = "delimiter ',', UTF-8"
    units: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def write(self, frame: Any, path: Path) -> None:
        """Write another frame in the same dialect."""
        frame.to_csv(path, index=False)


def read(source: str | os.PathLike[str], *, sheet: str | None = None) -> Table:
    """The table in a file.

    Raises:
        TaskError: for a file that cannot be read.
    """
    import pandas

    try:
        return Table(pandas.read_csv(source))
    except (OSError, ValueError) as error:
        raise TaskError(f"cannot read the table {source}: {error}", "check the path") from error
