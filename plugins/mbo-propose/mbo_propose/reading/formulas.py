"""Cells that a spreadsheet would run, and numbers as people write them, which it would not."""

from __future__ import annotations

from mbo_core.text import held
from mbo_propose.reading.numerals import numeral


def safe(text: str) -> str:
    """A text that no spreadsheet runs: behind a ' if it starts like a formula and is no number.

    >>> safe("=1+1"), safe("-5"), safe("DMF"), safe("-OMe"), safe("-5 mL")
    ("'=1+1", '-5', 'DMF', "'-OMe", '-5 mL')
    """
    return text if numeral(text, ".") or numeral(text, ",") else held(text)
