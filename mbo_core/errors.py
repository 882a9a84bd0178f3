"""Errors that people read: the fact first, then a line `hint: ...`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeAlias

import click

from mbo_core.text import printable, say

Mistake: TypeAlias = "tuple[str, str | None]"
"""A fact with its hint."""


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
        return printable(self.message if self.hint is None else f"{self.message}\n\nhint: {self.hint}")

    def __str__(self) -> str:
        return self.format_message()


class RecipeError(MboError):
    """An invalid recipe, option or command line; exit code 2.

    Attributes:
        mistakes: each mistake in it, with its hint.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str | None = None, mistakes: Iterable[Mistake] = ()) -> None:
        super().__init__(message, hint)
        self.mistakes = tuple(mistakes) or ((message, hint),)


class TaskError(MboError):
    """A task whose data or designs cannot be used."""


class StoreError(MboError):
    """A run's folder that cannot be written or read."""


def reason_of(error: BaseException) -> str:
    """Any error in one line: ours by its message, another with its type.

    >>> reason_of(MboError("unknown task", "known: bowl")), reason_of(KeyError("x"))
    ('unknown task', "KeyError: 'x'")
    """
    if isinstance(error, MboError):
        return error.message
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as worse:
        # The text of a third party's error may raise anything, also SystemExit.
        text = f"its text cannot be shown ({type(worse).__name__})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def warn(text: str) -> None:
    """Print a one-line warning on stderr."""
    say(f"warning: {' '.join(text.split())}", err=True)


@dataclass
class Mistakes:
    """The mistakes in a recipe, collected so that all are reported at once."""

    found: list[Mistake] = field(default_factory=list)

    def add(self, where: str, fact: str, hint: str | None = None) -> None:
        """Add one mistake."""
        self.take([(f"{where}: {fact}" if where else fact, hint)])

    def take(self, mistakes: Iterable[Mistake]) -> None:
        """Add the mistakes that are not in the list yet."""
        self.found += [mistake for mistake in mistakes if mistake not in self.found]

    def joined(self, what: str) -> Mistake:
        """All mistakes in `what` as one."""
        if len(self.found) == 1:
            return self.found[0]
        lines = [fact + (f"\n    hint: {hint}" if hint else "") for fact, hint in self.found]
        return f"{len(lines)} mistakes in {what}\n\n" + "\n".join(lines), None

    def raise_if_any(self, error: type[RecipeError] = RecipeError) -> None:
        """Raise one error for all of them.

        Raises:
            RecipeError: with every mistake, each with its hint.
        """
        if self.found:
            raise error(*self.joined("the recipe"), mistakes=self.found)


def matching(name: str, known: Iterable[str]) -> str | None:
    """The known name that is `name`, or that differs from it only in case; None if there is none or several.

    >>> matching("COMs", ["coms", "cbas"]), matching("a", ["A", "a"]), matching("comz", ["coms"])
    ('coms', 'a', None)
    """
    names = list(known)
    found = [name] if name in names else [one for one in names if one.casefold() == name.casefold()]
    return found[0] if len(found) == 1 else None


def nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """A hint for a mistyped `name`: the nearest known one, else all of them."""
    names = sorted(set(known))
    folded = {one.casefold(): one for one in names}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
    if close:
        return f'did you mean "{folded[close[0]]}"?'
    return f"known: {', '.join(names)}" if names else "none available"
