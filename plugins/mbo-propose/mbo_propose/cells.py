"""Cells that a spreadsheet does not run."""

from __future__ import annotations

from typing import Any

STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A text that starts like this may be run as a formula."""


def safe(cell: Any) -> Any:
    """A cell that is text and might be a formula, with an apostrophe before it; numbers stay.

    >>> safe("=1+1"), safe("-5"), safe("-CH3"), safe(-5.0)
    ("'=1+1", '-5', "'-CH3", -5.0)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(STARTS) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
