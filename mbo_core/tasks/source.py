"""Where a task came from: the file, and how it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

ENDINGS = (".csv", ".npz")
"""A task that ends like this is a file; any other text names an installed task."""

SPACE = "space.toml"
"""The name of the space file that is stored with a run."""


def names_file(task: str) -> bool:
    """Whether a task is a file, by its ending.

    >>> names_file("lab/yields.CSV"), names_file("TFBind8-Exact-v0")
    (True, False)
    """
    return task.casefold().endswith(ENDINGS)


@dataclass(frozen=True)
class Source:
    """The file that a task was read from, and how.

    Attributes:
        path: the file, absolute.
        sha256: the checksum of its content.
        target: the column of the scores; None in an .npz file whose scores have no name.
        minimize: whether smaller scores are better.
        weights: the column of the weights, or None.
        ignore: columns that were left out because a person said so.
        space: the text of the space file that corrected the inferred space, or None.
    """

    path: str
    sha256: str
    target: str | None
    minimize: bool
    weights: str | None
    ignore: tuple[str, ...]
    space: str | None

    def settings(self) -> Mapping[str, Any]:
        """The keys of `[run]` that read the task again; the space file stands beside the recipe."""
        said = {
            "task": self.path,
            "sha256": self.sha256,
            "target": self.target,
            "minimize": self.minimize or None,
            "weights": self.weights,
            "ignore": list(self.ignore) or None,
            "space": SPACE if self.space is not None else None,
        }
        return {key: value for key, value in said.items() if value is not None}

    def change(self) -> str | None:
        """A sentence if the file is not the one that was read; None if it still is."""
        path = Path(self.path)
        if not path.is_file():
            return f"{path} is no longer there"
        return None if checksum(path.read_bytes()) == self.sha256 else f"{path} has changed since it was read"


def checksum(content: bytes) -> str:
    """The SHA-256 checksum, as 64 hexadecimal digits."""
    return sha256(content).hexdigest()
