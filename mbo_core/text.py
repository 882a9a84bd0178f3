"""Text that is not ours, in terminals and in tables: it is shown and stored, never run.

A recipe, a table or a run's record may come from anyone. `say` prints text so that no escape in it reaches the
terminal, and `held` writes a cell so that no spreadsheet takes it for a formula.
"""

from __future__ import annotations

import re

import click

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""C0 but for tab and new line, DEL, C1, separators of lines, and what changes the direction of text."""

RUN = ("=", "+", "-", "@", "\t", "\r")
"""What a cell starts with that a spreadsheet runs."""

_NUMBER = re.compile(r"[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?|[-+]?(inf|nan)", re.IGNORECASE)


def printable(text: str) -> str:
    r"""Text for a terminal: what would move its cursor, colour it or turn its direction is written as an escape.

    >>> print(printable("a\x1b[31mb\u202ec"))
    a\x1b[31mb\u202ec
    """
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def say(text: object, err: bool = False, nl: bool = True) -> None:
    """Print text on stdout or stderr; see `printable`."""
    click.echo(printable(str(text)), err=err, nl=nl)


def is_held(text: str) -> bool:
    """Whether a ' at the start keeps a spreadsheet from running a cell."""
    bare = text.lstrip("'")
    return text[:1] == "'" and bare.startswith(RUN) and not _NUMBER.fullmatch(bare)


def released(text: str) -> str:
    """The text that `held` was given.

    >>> released("'=1+1"), released("'plain"), released("-OMe"), released("'-5")
    ('=1+1', "'plain", '-OMe', "'-5")
    """
    return text[1:] if is_held(text) else text


def held(text: str) -> str:
    """A text that no spreadsheet runs: behind a ' if it starts like a formula and is not a number.

    >>> held("=1+1"), held("-5"), held("DMF"), held("-OMe"), held("'=1")
    ("'=1+1", '-5', 'DMF', "'-OMe", "''=1")
    """
    if is_held(text):
        return f"'{text}"
    return f"'{text}" if text.startswith(RUN) and not _NUMBER.fullmatch(text) else text
