"""Who works on what: exclusive claims with a heartbeat, on one machine or on several that share a folder.

The claims of a name are files `NAME.1`, `NAME.2`, ...; the holder is the one with the highest number. A file is created
only if it does not exist, so of several processes that see a stale claim exactly one makes the next. Nothing is ever
taken away from a holder but by such a number, so a stale claim needs no removal that could hit a fresh one.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mbo_core.errors import StoreError

BEAT = 5.0
"""Seconds between two heartbeats."""
STALE = 60.0
"""A claim without a heartbeat for so many seconds may be taken over."""


@dataclass
class Claim:
    """A claim that this process holds.

    Attributes:
        path: its file.
        token: names this attempt; no two claims share one.
    """

    path: Path
    token: str
    _stop: threading.Event = field(default_factory=threading.Event)
    _beats: threading.Thread | None = None

    def keep(self, watch: Callable[[], None] = lambda: None) -> None:
        """Beat until the claim is released, in a thread; `watch` is called every second."""
        self._beats = threading.Thread(target=self._beat, args=(watch,), daemon=True)
        self._beats.start()

    def _beat(self, watch: Callable[[], None]) -> None:
        last = time.monotonic()
        while not self._stop.wait(min(1.0, BEAT)):
            watch()
            if time.monotonic() - last >= BEAT:
                last = time.monotonic()
                with suppress(OSError):
                    os.utime(self.path)

    def release(self) -> None:
        """Give the claim back, and remove the stale ones that it replaced."""
        self._stop.set()
        if self._beats is not None:
            self._beats.join()
        name, number = _split(self.path)
        for older in range(1, number + 1):
            with suppress(OSError):
                self.path.with_name(f"{name}.{older}").unlink(missing_ok=True)


def take(folder: Path, name: str) -> Claim | None:
    """Claim a name; None if another process holds it.

    Raises:
        StoreError: for a folder that cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = _highest(folder, name)
        if number and not _stale(folder / f"{name}.{number}"):
            return None
        return _make(folder / f"{name}.{number + 1}")
    except OSError as error:
        raise StoreError(
            f"cannot write {folder}: {error.strerror}", "free some space, or name another --out"
        ) from error


def held(folder: Path, name: str) -> bool:
    """Whether some process holds a name."""
    number = _highest(folder, name)
    return bool(number) and not _stale(folder / f"{name}.{number}")


def all_held(folder: Path) -> set[str]:
    """The names that are held."""
    names = {_split(path)[0] for path in folder.glob("*.*") if path.suffix[1:].isdigit()}
    return {name for name in names if held(folder, name)}


def _make(path: Path) -> Claim | None:
    """The claim in a new file, which appears with its content; None if another process was faster."""
    token = f"{_split(path)[0]}.{os.getpid()}-{os.urandom(4).hex()}"
    about = {"host": _host(), "pid": os.getpid(), "started": _started(os.getpid()), "token": token}
    part = path.with_name(f".{token}.part")
    try:
        part.write_text(json.dumps(about), encoding="utf-8")
        os.link(part, path)
    except FileExistsError:
        return None
    finally:
        part.unlink(missing_ok=True)
    return Claim(path, token)


def _highest(folder: Path, name: str) -> int:
    return max((_split(path)[1] for path in folder.glob(f"{name}.*") if path.suffix[1:].isdigit()), default=0)


def _split(path: Path) -> tuple[str, int]:
    name, _, number = path.name.rpartition(".")
    return name, int(number)


def _host() -> str:
    """This machine since its start, and its space of process numbers: containers may share a name."""
    found = [socket.gethostname()]
    with suppress(OSError):
        found += [Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()]
        found += [os.readlink("/proc/self/ns/pid")]
    return " ".join(found)


def _stale(path: Path) -> bool:
    """Whether the process that made a claim has ended, or has not been heard of for long."""
    try:
        about: Any = json.loads(path.read_bytes())
        age = _now(path.parent) - path.stat().st_mtime
    except FileNotFoundError:
        return False  # it was just released: whoever asks looks again
    except OSError:
        return False  # nothing is known of its holder
    except ValueError:
        return True
    if about.get("host") == _host() and _started(about.get("pid")) != about.get("started"):
        return True
    return age > STALE


def _now(folder: Path) -> float:
    """The time by the clock of the file system, which may be another machine's."""
    probe = folder / f".now-{os.getpid()}-{threading.get_ident()}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _started(pid: Any) -> str:
    """When a process of this machine started, in ticks; empty if it has ended. Numbers of processes are used again."""
    try:
        fields = Path(f"/proc/{int(pid)}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, ValueError, TypeError):
        return "" if Path("/proc/self/stat").exists() else "unknown"
    return "" if fields[0] in {"Z", "X"} else fields[19]
