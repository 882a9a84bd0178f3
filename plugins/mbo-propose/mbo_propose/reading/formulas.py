"""Cells that a spreadsheet would run, and numbers as people write them, which it would not."""

from __future__ import annotations

from mbo_core.text import held
from mbo_propose.reading.numerals import numeral

_SIGNS = frozenset("=*/&|!()<>^@\"'")
"""What a formula may hold behind its first number, and hardly a unit."""


def safe(text: str) -> str:
    """A text that no spreadsheet runs: behind a ' if it starts like a formula and is no number.

    >>> safe("=1+1"), safe("-5"), safe("DMF"), safe("-OMe"), safe("-5 mL"), safe("-2*RAND()")
    ("'=1+1", '-5', 'DMF', "'-OMe", '-5 mL', "'-2*RAND()")
    """
    found = numeral(text, ".") or numeral(text, ",")
    return text if found and not _SIGNS & set(text) else held(text)
