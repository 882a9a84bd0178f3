"""Cells that a spreadsheet would run, and the ' that keeps it from doing so."""

from __future__ import annotations

from mbo_propose.reading.numerals import numeral

RUN = ("=", "+", "-", "@", "\t", "\r")
"""What a cell starts with that a spreadsheet runs."""


def is_held(text: str) -> bool:
    """Whether a ' at the start keeps a spreadsheet from running a cell."""
    return text[:1] == "'" and text.lstrip("'").startswith(RUN)


def released(text: str) -> str:
    """The text that `safe` was given.

    >>> released("'=1+1"), released("'plain"), released("-OMe")
    ('=1+1', "'plain", '-OMe')
    """
    return text[1:] if is_held(text) else text


def safe(text: str) -> str:
    """A text that no spreadsheet runs: behind a ' if it starts like a formula and is no number.

    >>> safe("=1+1"), safe("-5"), safe("DMF"), safe("-OMe")
    ("'=1+1", '-5', 'DMF', "'-OMe")
    """
    if is_held(text):
        return f"'{text}"
    if not text.startswith(RUN) or numeral(text, ".") or numeral(text, ","):
        return text
    return f"'{text}"
