"""What the scripts of this folder share: cases with a limit of time, their counts, and the faults found.

A fault is an error that is not for people (a traceback), a success where none can be, or a hang.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click

LIMIT = 60.0
"""Seconds after which a case hangs."""


class Hang(BaseException):
    """A case takes too long."""


@dataclass
class Tally:
    """The outcomes of cases.

    Attributes:
        counts: how many cases ended how.
        faults: a line for each that ended as it must not.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def case(self, name: str, function: Callable[[], Any], allowed: tuple[str, ...]) -> None:
        """Run a case, and note its outcome: `fine`, `refused` (an error for people), or what it raised."""
        outcome, text = _outcome(function)
        self.counts[outcome] += 1
        if outcome not in allowed:
            self.faults.append(f"{name}: {outcome}: {text[:300]}")

    def __str__(self) -> str:
        total = sum(self.counts.values())
        counted = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.most_common())
        return "\n".join([f"{total} cases: {counted}; {len(self.faults)} faults", *self.faults])


def _outcome(function: Callable[[], Any]) -> tuple[str, str]:
    try:
        with limited():
            function()
    except click.ClickException as error:
        return "refused", error.format_message()
    except Hang:
        return "hang", ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f"traceback {type(error).__name__}", str(error)
    return "fine", ""


@contextmanager
def limited(seconds: float = LIMIT) -> Iterator[None]:
    """Raise `Hang` in the main thread after some seconds."""

    def stop(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main(trials: Callable[[int], Tally], small: int, full: int) -> None:
    """Print the tally of a small number of cases, or with `--full` of all; exit code 1 if there is a fault."""
    found = trials(full if "--full" in sys.argv[1:] else small)
    click.echo(str(found))
    sys.exit(bool(found.faults))
