"""The lock of a run's folder: who works in it, and a heartbeat by which others see that it lives.

The file `lock.json` is there while a run works in the folder. Its process holds a lock of the system on it, which
vanishes with the process, however that ends, and touches it every few seconds. A file that is left over and that nobody
holds belonged to a run that died; its time is that of the last heartbeat.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mbo_core.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows knows no flock; there the heartbeat alone tells.
    fcntl = None  # type: ignore[assignment]

LOCK = "lock.json"
"""The name of the file."""

BEAT = 5.0
"""Seconds between two heartbeats."""

SILENT = 120.0
"""A run on another machine that was silent for so many seconds is dead."""


LOOKS, LOOK = 5, 0.02
"""How often a lock is tried again, and after how many seconds: others may look whether the run lives."""


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def now() -> str:
    """The local time to the second, in ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


@dataclass
class Lock:
    """A lock that this process holds.

    Attributes:
        path: the file.
        about: host, process and since when.
    """

    path: Path
    about: dict[str, Any]
    _handle: int
    _ended: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def take(cls, folder: Path) -> Lock:
        """Take the lock of a folder, also from a process that died.

        Raises:
            StoreError: if a living run holds it, or it cannot be written.
        """
        path = folder / LOCK
        try:
            handle = _taken(path)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}", "name another --out") from error
        if handle is None:
            raise StoreError(
                f"{folder} is in use{_by(path)}",
                f"wait for that run (if it died, {SILENT:.0f} seconds), or name another --out",
            )
        lock = cls(path, {"host": host(), "process": os.getpid(), "since": now()}, handle)
        lock._write()
        threading.Thread(target=lock._beat, name="mbo heartbeat", daemon=True).start()
        return lock

    def release(self) -> None:
        """Give the folder back: the file goes."""
        self._ended.set()
        if fcntl is None:
            os.close(self._handle)  # Windows unlinks no open file.
        with suppress(OSError):
            self.path.unlink()
        if fcntl is not None:
            os.close(self._handle)

    def _write(self) -> None:
        # In place, as the lock is on this file; on a full disk it stays empty and still locks.
        with suppress(OSError):
            os.ftruncate(self._handle, 0)
            os.write(self._handle, json.dumps(self.about).encode())

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(OSError):
                os.utime(self.path)


def _taken(path: Path) -> int | None:
    """An open handle on the locked file, or None if a living run holds it."""
    while True:
        handle, new = _opened(path)
        if not new and _remote(path) and not _silent(path):
            held: bool | None = False
        else:
            held = _held(handle)
        if held is False or (held is None and not new and not _silent(path)):
            os.close(handle)
            return None
        if _same(handle, path):
            return handle
        os.close(handle)  # It was given back in between, so that this file has no name any more.


def _opened(path: Path) -> tuple[int, bool]:
    """An open handle on the file, and whether it was not there before."""
    with suppress(FileExistsError):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644), True
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644), False


def _held(handle: int) -> bool | None:
    """Whether this process has locked the open file now; a short look by another is waited for."""
    if fcntl is None:
        return None
    for _ in range(LOOKS):
        held = _locked(handle, fcntl.LOCK_EX)
        if held is not False:
            return held
        time.sleep(LOOK)
    return False


def _locked(handle: int, how: int) -> bool | None:
    """Whether the open file could be locked; None where the file system knows no locks, and the heartbeat tells."""
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def alive(folder: Path) -> bool:
    """Whether a run works in the folder now."""
    path = folder / LOCK
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        free = None if fcntl is None else _locked(handle, fcntl.LOCK_SH)
        return free is False or ((free is None or _remote(path)) and not _silent(path))
    finally:
        os.close(handle)


def last_sign(folder: Path) -> float:
    """The time of the last sign of life in a folder: a heartbeat, or else a record."""
    for name in (LOCK, "run.json"):
        with suppress(OSError):
            return (folder / name).stat().st_mtime
    return time.time()


def _silent(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > SILENT
    except FileNotFoundError:
        return True


def _remote(path: Path) -> bool:
    """Whether another machine wrote the file, whose locks this one may not see."""
    there = _about(path).get("host")
    return there is not None and there != host()


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def _by(path: Path) -> str:
    about = _about(path)
    return f" by process {about.get('process')} on {about.get('host')} since {about.get('since')}" if about else ""
