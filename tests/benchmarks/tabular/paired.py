"""All methods on all tables in one table, with what is better or worse than one of them beyond noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from scipy.stats import t as student

Lines = list[dict[str, str]]

LEVEL = 0.95
"""The level of the intervals of paired differences."""


def interval(differences: Iterable[float]) -> tuple[float, float]:
    """The mean of paired differences, and half the width of its interval by Student's t; infinite of fewer than two."""
    values = np.array(list(differences))
    if len(values) < 2:
        return float(values.mean()) if len(values) else float("nan"), float("inf")
    error = values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(student.ppf((1 + LEVEL) / 2, len(values) - 1) * error)


def wide(lines: Lines, key: str, reference: str, signs: Mapping[str, int]) -> str:
    """A line for each method and a column for each table.

    Args:
        lines: results of `tables.py`.
        key: what is shown, e.g. `nearest_mean`.
        reference: the method that others are compared with: `+` is better than it on the same seeds, `-` worse.
        signs: of each table, -1 where less is better.
    """
    tables = [name for name in dict.fromkeys(line["table"] for line in lines) if name in signs]
    of: dict[tuple[str, str], dict[str, float]] = {}
    for line in lines:
        if line[key]:
            of.setdefault((line["method"], line["table"]), {})[line["seed"]] = float(line[key])
    methods = list(dict.fromkeys(line["method"] for line in lines))
    rows = [[method, *(_cell(of, method, table, reference, signs[table]) for table in tables)] for method in methods]
    return "\n".join(f"| {' | '.join(row)} |" for row in [["", *tables], ["---"] * (len(tables) + 1), *rows])


def _cell(of: Mapping[tuple[str, str], Mapping[str, float]], method: str, table: str, reference: str, sign: int) -> str:
    own, other = of.get((method, table), {}), of.get((reference, table), {})
    if not own:
        return "-"
    values = np.array(list(own.values()))
    digits = 1 if max(abs(value) for value in values) > 10 else 3
    mean, room = interval(sign * (own[seed] - other[seed]) for seed in own.keys() & other.keys())
    mark = " +" if mean > room else " -" if mean < -room else ""
    error = f" ± {values.std(ddof=1) / np.sqrt(len(values)):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{error}{mark}"
