"""The ledger of attempts: a line of JSON each, appended in one write and never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mbo_core.errors import StoreError

STARTED = "started"
LOST = "lost"
OUTCOMES = ("done", "failed", "refused", LOST)
"""How an attempt ends: `lost` if its process ended without saying how."""


@dataclass
class Ledger:
    """The lines of a ledger; `refresh` reads those that were added.

    Attributes:
        path: its file.
        events: all lines so far, as plain values.
        damaged: what could not be read, a sentence each.
    """

    path: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    _read: int = 0
    _lines: int = 0

    def append(self, event: str, cell: str, **facts: Any) -> None:
        """Add a line.

        Raises:
            StoreError: if the disk is full, or the file cannot be written.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"at": now, "event": event, "cell": cell, **facts}, default=str)
        try:
            cut = self._is_cut()
            self._write((("\n" if cut else "") + line + "\n").encode())
        except OSError as error:
            fact = f"cannot write {self.path}: {error.strerror}"
            raise StoreError(fact, "free some space; nothing that is finished is lost, repeat the command") from error

    def _write(self, data: bytes) -> None:
        opened = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            # One write, so that lines of several processes do not mix.
            if os.write(opened, data) != len(data):
                raise OSError(28, "No space left on device")
        finally:
            os.close(opened)

    def _is_cut(self) -> bool:
        """Whether the last line lacks its end, as a machine that fails leaves it."""
        try:
            with self.path.open("rb") as file:
                if not file.seek(0, os.SEEK_END):
                    return False
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        except FileNotFoundError:
            return False

    def refresh(self) -> list[dict[str, Any]]:
        """Read the lines that were added since, and return them."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        self._read += whole
        new = [event for line in data[:whole].splitlines() if (event := self._event(line))]
        self.events += new
        return new

    def check_end(self) -> None:
        """Note a last line that is cut."""
        if self._is_cut():
            self.damaged.append(f"{self.path}: the last line is cut and does not count")

    def _event(self, line: bytes) -> dict[str, Any] | None:
        self._lines += 1
        if not line.strip():
            return None
        try:
            event = json.loads(line)
            if isinstance(event, dict) and isinstance(event["cell"], str) and isinstance(event["event"], str):
                return event
        except (ValueError, KeyError, RecursionError):
            pass
        self.damaged.append(f"{self.path}:{self._lines}: the line is damaged and does not count")
        return None


def last_outcomes(events: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The last outcome of each cell; a retry that is lost leaves that of the attempt before."""
    found: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event["event"] in OUTCOMES and (event["event"] != LOST or event["cell"] not in found):
            found[event["cell"]] = event
    return found
