"""What a person asks for."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mbo_core.errors import RecipeError
from mbo_core.tasks.space import Space

BATCH = 16
"""The number of designs unless a person asks for another."""
LARGEST_BATCH = 1000
"""A larger batch is probably a mistake: each design has to be chosen and judged."""
BUDGET = 300.0
"""Seconds for the backtest, the training and the search."""

_LIMIT = re.compile(
    r"\s*(?P<column>.+?)\s*(?P<sign><=|>=|<|>|=)\s*(?P<bound>[-+]?[\d.]+(e[-+]?\d+)?)\s*", re.IGNORECASE
)
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Limit:
    """Bounds of a measured column, within which a proposal should come out.

    Attributes:
        column: a column that is measured, as the target is.
        lower: the smallest value.
        upper: the largest value.
    """

    column: str
    lower: float = -math.inf
    upper: float = math.inf

    def __str__(self) -> str:
        low = f"{self.lower:g} <= " if math.isfinite(self.lower) else ""
        return f"{low}{self.column}" + (f" <= {self.upper:g}" if math.isfinite(self.upper) else "")


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a person asks for besides the table.

    Attributes:
        target: the column of the scores.
        minimize: whether smaller scores are better.
        batch: the number of designs; by default 16, or the sum of the tiers.
        recipe: `auto`, or a method, a recipe file or a recipe.
        space: a space, or a file that corrects the inferred one.
        ignore: columns that are no inputs.
        limits: limits on measured columns, e.g. `cost<=20`.
        error: the column with the standard deviation of each score.
        start: designs to search from: a frame or a CSV file.
        fix: columns that proposals keep at a value.
        tiers: how many designs within the spacing of the data, a stretch from it, and beyond; None for the best
            that can be trusted, or mostly safe ones where the table does not clearly support an improvement.
        budget: the most seconds for backtest, training and search.
        sheet: the sheet of an Excel workbook.
        seed: the first seed of all that is random.
    """

    target: str
    minimize: bool = False
    batch: int | None = None
    recipe: Any = "auto"
    space: Space | str | os.PathLike[str] | None = None
    ignore: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    error: str | None = None
    start: Any = None
    fix: Mapping[str, Any] = field(default_factory=dict)
    tiers: tuple[int, int, int] | None = None
    budget: float = BUDGET
    sheet: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what can be checked without the table.

        Raises:
            RecipeError: for several targets, a batch of no or too many designs, or tiers and limits that do not fit.
        """
        if not isinstance(self.target, str):
            hint = f'propose for one, and limit the others: --limit "{next(iter(self.target), "cost")}<=..."'
            raise RecipeError(f"target is {self.target!r}, not one column", hint)
        if not 1 <= self.count <= LARGEST_BATCH:
            raise RecipeError(f"batch has {self.count:,} designs", f"ask for 1 to {LARGEST_BATCH:,}")
        if self.tiers is not None and (min(self.tiers) < 0 or sum(self.tiers) != self.count):
            fact = f"tiers {','.join(map(str, self.tiers))} do not add to the batch of {self.count}"
            raise RecipeError(fact, "leave --batch out, or change one of them")
        if not self.budget > 0:
            raise RecipeError(f"budget is {self.budget:g} seconds", "give minutes, e.g. --budget 5m")
        parse_limits(self.limits)

    @property
    def count(self) -> int:
        """The number of designs asked for."""
        if self.batch is not None:
            return self.batch
        return BATCH if self.tiers is None else sum(self.tiers)


def parse_limits(texts: Iterable[str]) -> tuple[Limit, ...]:
    """Limits on measured columns, one for each column.

    Raises:
        RecipeError: for a text that is no limit, or limits that contradict each other.

    >>> print(*parse_limits(["cost<=20", "cost >= 5", "purity>=99.5"]), sep="; ")
    5 <= cost <= 20; 99.5 <= purity
    """
    found: dict[str, Limit] = {}
    for text in texts:
        one = _limit(text)
        before = found.get(one.column, Limit(one.column))
        both = Limit(one.column, max(one.lower, before.lower), min(one.upper, before.upper))
        if both.lower > both.upper:
            fact = f'limits on "{one.column}" contradict each other: {both.lower:g} <= {one.column} <= {both.upper:g}'
            raise RecipeError(fact, "leave one of them out")
        found[one.column] = both
    return tuple(found.values())


def _limit(text: str) -> Limit:
    match = _LIMIT.fullmatch(text)
    try:
        bound = float(match["bound"]) if match else math.nan
    except ValueError:
        bound = math.nan
    if match is None or math.isnan(bound):
        raise RecipeError(f'invalid limit "{text}"', 'write --limit "COLUMN<=NUMBER" or "COLUMN>=NUMBER"')
    lower = bound if match["sign"] in (">=", ">", "=") else -math.inf
    return Limit(match["column"], lower, bound if match["sign"] in ("<=", "<", "=") else math.inf)


def parse_tiers(text: str | None) -> tuple[int, int, int] | None:
    """Three numbers of designs.

    Raises:
        RecipeError: for any other text.

    >>> parse_tiers("12,3,1")
    (12, 3, 1)
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise RecipeError(f'invalid tiers "{text}"', "write three numbers: safe, stretch, explore, e.g. --tiers 12,3,1")
    safe, stretch, explore = map(int, parts)
    return safe, stretch, explore


def parse_budget(text: str) -> float:
    """A time in seconds.

    Raises:
        RecipeError: for what is no time.

    >>> parse_budget("5m"), parse_budget("90s"), parse_budget("1.5h")
    (300.0, 90.0, 5400.0)
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(s|m|min|h|)\s*", text)
    if match is None:
        raise RecipeError(f'invalid budget "{text}"', "write a time, e.g. --budget 5m, 90s or 1h")
    return float(match[1]) * _UNITS[match[2]]
