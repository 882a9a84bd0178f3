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
    """A line for each method and a column for each table, of the seeds that the reference was run with.

    Args:
        lines: results of `tables.py`.
        key: what is shown, e.g. `nearest_mean`.
        reference: the method that others are compared with: `+` is better than it on the same seeds, `-` worse; of
            times and counts, which are no scores, nothing is said.
        signs: of each table, -1 where less is better.
    """
    tables = [name for name in dict.fromkeys(line["table"] for line in lines) if name in signs]
    scored = key.endswith(("_mean", "_best"))
    of: dict[tuple[str, str], dict[str, float]] = {}
    for line in lines:
        if line[key]:
            of.setdefault((line["method"], line["table"]), {})[line["seed"]] = float(line[key])
    methods = list(dict.fromkeys(line["method"] for line in lines))
    kept = {table: of.get((reference, table), {}) for table in tables}
    rows = [
        [method, *(_cell(of.get((method, one), {}), kept[one], signs[one], scored) for one in tables)]
        for method in methods
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [["", *tables], ["---"] * (len(tables) + 1), *rows])


def _cell(own: Mapping[str, float], other: Mapping[str, float], sign: int, scored: bool) -> str:
    seeds = [seed for seed in own if seed in other]
    if not seeds:
        return "-"
    values = np.array([own[seed] for seed in seeds])
    mean, room = interval(sign * (own[seed] - other[seed]) for seed in seeds)
    mark = "" if not scored else " +" if mean > room else " -" if mean < -room else ""
    digits = 3 if scored and np.abs(values).max() <= 10 else 1
    error = f" ± {values.std(ddof=1) / np.sqrt(len(values)):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{error}{mark}"
