"""Errors that people read: the fact first, then a line `hint: ...`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import click


class MboError(click.ClickException):
    """A failure that a person can act on; the command line prints it without a traceback.

    Args:
        message: the fact, and what was there.
        hint: what to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def format_message(self) -> str:
        """The message with its hint, as it is printed."""
        return self.message if self.hint is None else f"{self.message}\n\nhint: {self.hint}"

    def __str__(self) -> str:
        return self.format_message()


class RecipeError(MboError):
    """A recipe, an option or a command line that cannot be carried out; exit code 2."""

    exit_code = 2


class TaskError(MboError):
    """A task whose data or designs cannot be used."""


class StoreError(MboError):
    """A run's folder that cannot be written or read."""


def warn(text: str) -> None:
    """Say on stderr, in one line, what does not stop the work."""
    click.echo(f"warning: {' '.join(text.split())}", err=True)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a mistyped `name`: the nearest known one, else all of them."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known: {', '.join(names)}" if names else "there are none"
