"""Signals that end a program, and output that cannot be written: a run keeps what is computed."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mbo_core.errors import MboError

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What a scheduler, a container, `timeout` or a closed terminal sends; Windows knows fewer."""


class Stopped(KeyboardInterrupt):
    """A signal that is taken as Ctrl-C is.

    Attributes:
        exit_code: 128 and the signal's number, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def stoppable() -> Iterator[None]:
    """Take the signals as Ctrl-C, once each, and restore their handlers afterwards.

    A signal that is ignored (`nohup`) or that somebody else handles is left alone.
    """
    there = threading.current_thread() is threading.main_thread()
    ours = [one for one in SIGNALS if there and signal.getsignal(one) is signal.SIG_DFL]
    for one in ours:
        signal.signal(one, _stop)
    try:
        yield
    finally:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)


def _stop(number: int, _: FrameType | None) -> None:
    # A second one, e.g. to the whole group, must not stop the storing.
    signal.signal(number, signal.SIG_IGN)
    raise Stopped(number)


@contextmanager
def output(remark: str = "") -> Iterator[None]:
    """Print what is computed.

    Args:
        remark: what is not lost if it cannot be printed, e.g. where it is stored.

    Raises:
        MboError: if it cannot be written; a reader that has closed its pipe is none of these.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        _discard()
        raise MboError(f"cannot write the output: {error.strerror}{remark and f'; {remark}'}") from error


def _discard() -> None:
    """Let what is still in the buffer go nowhere, so that Python does not fail over it once more at its end."""
    try:
        target = sys.stdout.fileno()
    except (OSError, ValueError, AttributeError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, target)
    os.close(nowhere)
