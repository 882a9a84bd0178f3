"""How numbers and verdicts are written."""

from __future__ import annotations

import math
from typing import Any

from mbo_propose.record import Proposals

VERDICTS = {
    "supports": "This table supports an improvement.",
    "weakly": "This table supports an improvement only weakly.",
    "does not": "This table does not support an improvement.",
}


def short(value: float, digits: int = 4) -> str:
    """A number in few digits.

    >>> short(1234567.8), short(0.12345678), short(-0.0)
    ('1.235e+06', '0.1235', '0')
    """
    return f"{value + 0.0:.{digits}g}" if math.isfinite(value) else "not known"


def cell(value: Any) -> str:
    """A cell of a design, with all its digits."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def score(made: Proposals, value: float) -> str:
    """A score with its unit."""
    return short(value) + (f" {made.unit}" if made.unit else "")


def target(made: Proposals) -> str:
    """The target with its unit."""
    return f"{made.wishes.target} ({made.unit})" if made.unit else made.wishes.target


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
