"""Code that is not ours: plugins, stages, oracles. This is the one place that says what is caught around it.

An `Exception` passes: each caller knows what it means for the work. Ctrl-C passes too, and ends the run. Everything
else that Python can raise (`SystemExit`, `GeneratorExit`, any other `BaseException`, click's `Exit` and `Abort`) would
end the program, often in silence and with exit code 0; it becomes an error that says whose code it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import Generic, ParamSpec, TypeVar

import click

from mbo_core.errors import MboError, reason_of
from mbo_core.text import say

PATIENCE = 10.0
"""Seconds after which a person is told what is being waited for."""

P = ParamSpec("P")
T = TypeVar("T")


class Ended(MboError):
    """Foreign code tried to end the program."""


@contextmanager
def foreign(whose: str | Callable[[], str]) -> Iterator[None]:
    """Run code that is not ours.

    Args:
        whose: what an error calls it, e.g. `plugin mine`; or a function that knows once it has failed.

    Raises:
        Ended: instead of what would end the program.

    >>> with foreign("plugin mine"):
    ...     raise SystemExit(0)
    Traceback (most recent call last):
    mbo_core.foreign.Ended: plugin mine tried to end the program: SystemExit: 0
    <BLANKLINE>
    hint: raise an error instead
    """
    try:
        yield
    except (click.exceptions.Exit, click.Abort) as error:
        raise ended(whose, error) from error
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ended(whose, error) from error


def ended(whose: str | Callable[[], str], error: BaseException) -> Ended:
    """The error to raise instead, with the same traceback."""
    name = whose if isinstance(whose, str) else whose()
    made = Ended(f"{name} tried to end the program: {reason_of(error)}", "raise an error instead")
    return made.with_traceback(error.__traceback__)


@contextmanager
def waiting(what: str, hint: str) -> Iterator[None]:
    """Say what is being waited for, once, if code that is not ours takes more than `PATIENCE` seconds."""
    timer = Timer(PATIENCE, say, (f"{what} takes more than {PATIENCE:g} s; Ctrl-C stops it, {hint}", True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@dataclass(frozen=True)
class guarded(Generic[P, T]):
    """A function that is not ours, each call in `foreign`; it can be pickled if the function can."""

    function: Callable[P, T]
    whose: str

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> T:
        """What the function returns."""
        with foreign(self.whose):
            return self.function(*arguments, **named)
