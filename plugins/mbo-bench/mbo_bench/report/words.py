"""Numbers and states for people, the same in every form."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mbo_bench.report.study import Entry, Study
from mbo_bench.statistics.over_tasks import LEVEL, Interval

HOW = (
    "Scores are means over seeds with population standard deviations, normalised by the smallest and largest score of "
    "the full dataset. Over tasks: the interquartile mean of all tasks and seeds, with stratified-bootstrap intervals "
    f"at {LEVEL:.0%} (seeds are resampled within each task). In bold: the best of a task, and those whose difference "
    "to it, paired by seed, may be zero (Student's t, the same level)."
)


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash if there is none.

    >>> number(0.4391), number(1234.5), number(None)
    ('0.439', '1234', '-')
    """
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.4g}" if abs(value) >= 10 else f"{value:.{digits}f}"


def spread(pair: tuple[float, float] | None) -> str:
    """Mean and standard deviation, or a dash."""
    return "-" if pair is None else f"{number(pair[0])} ± {number(pair[1])}"


def ends(one: Interval | None) -> str:
    """A number with its interval, or a dash."""
    return "-" if one is None else f"{number(one.value)} [{number(one.lower)}, {number(one.upper)}]"


def state(counts: Mapping[str, int]) -> str:
    """The seeds of an entry: how many are done, and what became of the others.

    >>> state({"done": 8, "failed": 0, "refused": 0, "missing": 0}), state({"done": 6, "failed": 2})
    ('8', '6 of 8, 2 failed')
    >>> state({"done": 0, "failed": 0, "refused": 8, "missing": 0}), state({"done": 0})
    ('refused', 'not asked for')
    """
    total = sum(counts.values())
    others = [f"{count} {name}" for name, count in counts.items() if count and name != "done"]
    if not others:
        return str(total) if total else "not asked for"
    if counts["done"] == 0 and len(others) == 1:
        return others[0].split()[1]
    return ", ".join([f"{counts['done']} of {total}", *others])


def published(entry: Entry, percentile: str) -> str:
    """The published scores of an entry that can be compared with ours, or a dash."""
    found = [one for one in entry.published if one.percentile == percentile and not one.not_comparable]
    return "; ".join(f"{one.text}{' (re-run)' if one.rerun else ''}" for one in found) or "-"


def pool(study: Study) -> str:
    """Who is ranked, and who is not."""
    left = [name for name in study.methods if name not in study.pool]
    ranked = f"Ranked among {len(study.pool)}: {', '.join(study.pool) or 'none'}."
    return f"{ranked} Not ranked, as they lack scores on a task: {', '.join(left)}." if left else ranked


def _percent(one: Interval) -> str:
    return f"{100 * one.value:.0f} % [{100 * one.lower:.0f}, {100 * one.upper:.0f}]"


def share_lines(study: Study) -> list[str]:
    """The shares of variance of a crossed grid, a line for each percentile."""
    lines = []
    for of, one in study.shares.items():
        parts = ", ".join(f"{name} {_percent(part)}" for name, part in one.of.items())
        left = f"; left out for missing cells: {', '.join(one.left_out)}" if one.left_out else ""
        size = f"{len(one.proxies)} proxies x {len(one.searches)} searches x {one.seeds} seeds"
        lines.append(f"{of}: {parts} ({size}{left})")
    return lines
