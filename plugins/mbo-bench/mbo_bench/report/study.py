"""All that a report says, as numbers; the forms for people are made from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mbo_bench.cells.content import MEASURES
from mbo_bench.published import Figure, figures
from mbo_bench.statistics.over_tasks import Interval, improvement, iqm_of, mean_ranks
from mbo_bench.statistics.pairs import not_worse
from mbo_bench.statistics.scores import Scores
from mbo_bench.statistics.shares import Shares, shares

if TYPE_CHECKING:
    from pandas import DataFrame

HEADLINE = ("100th", "50th")
"""The percentiles that are compared over tasks."""
STATES = ("done", "failed", "refused", "missing")


@dataclass(frozen=True)
class Entry:
    """A method on a task.

    Attributes:
        method: its label.
        task: the task.
        counts: how many seeds are in each of `STATES`.
        scores: mean and population standard deviation by column (`normalised_100th`, ...); empty without a seed.
        best: for each percentile of `HEADLINE`, whether it may be the best of the task.
        reason: why seeds failed or the cell is refused; empty if none did.
        seconds: of a seed on average, or None.
        published: published scores of the method on the task.
    """

    method: str
    task: str
    counts: dict[str, int]
    scores: dict[str, tuple[float, float]]
    best: dict[str, bool]
    reason: str
    seconds: float | None
    published: list[Figure]


@dataclass(frozen=True)
class Overall:
    """A method over all tasks; None where it lacks a task.

    Attributes:
        method: its label.
        iqm: the interquartile mean of the normalised scores, by percentile of `HEADLINE`.
        rank: the mean rank, by percentile.
        improvement: the probability of being better than the reference, by percentile.
        counts: how many seeds are in each of `STATES`.
        seconds: of a seed on average, or None.
    """

    method: str
    iqm: dict[str, Interval | None]
    rank: dict[str, float | None]
    improvement: dict[str, Interval | None]
    counts: dict[str, int]
    seconds: float | None


class Study:
    """The numbers of a report.

    Args:
        frame: from `mbo_bench.load`.
        reference: the method that others are compared with; by default the first of the grid.
    """

    def __init__(self, frame: DataFrame, reference: str | None = None) -> None:
        self.frame = frame
        self.methods, self.tasks = (tuple(dict.fromkeys(frame[name])) for name in ("method", "task"))
        self.reference = reference or next(iter(self.methods), "")
        self._of = dict(list(frame.groupby(["method", "task"], sort=False)))

    @cached_property
    def scores(self) -> dict[str, Scores]:
        """The normalised scores, by percentile of `HEADLINE`."""
        return {of: Scores.of(self.frame, f"normalised_{of}") for of in HEADLINE}

    @cached_property
    def entries(self) -> list[Entry]:
        """Every method on every task, task by task."""
        best = {(of, task): not_worse(self.scores[of], task) for of in HEADLINE for task in self.tasks}
        known = figures()
        return [self._entry(method, task, best, known) for task in self.tasks for method in self.methods]

    def _entry(self, method: str, task: str, best: Any, known: Sequence[Figure]) -> Entry:
        rows = self._of.get((method, task), self.frame.iloc[:0])
        reasons = sorted({str(one) for one in rows["reason"] if one})
        # A method with other settings than the published ones is not that method.
        own = set(rows["recipe"][(rows["preset"] == "") & ~rows["changed"].astype(bool)])
        about = [one for one in known if f":{task}".endswith(f":{one.task}") and one.method in own]
        may = {of: method in best[of, task] for of in HEADLINE}
        return Entry(method, task, counts(rows), _means(rows), may, "; ".join(reasons), _seconds(rows), about)

    @cached_property
    def overall(self) -> list[Overall]:
        """Every method over all tasks, the best interquartile mean first."""
        ranks = {of: mean_ranks(scores) for of, scores in self.scores.items()}
        found = [self._overall(method, ranks) for method in self.methods]
        return sorted(found, key=lambda one: -one.iqm[HEADLINE[0]].value if one.iqm[HEADLINE[0]] else np.inf)  # type: ignore[union-attr]

    def _overall(self, method: str, ranks: dict[str, dict[str, float]]) -> Overall:
        rows = self.frame[self.frame["method"] == method]
        return Overall(
            method,
            {of: iqm_of(scores, method) for of, scores in self.scores.items()},
            {of: ranks[of].get(method) for of in HEADLINE},
            {of: self._improvement(scores, method) for of, scores in self.scores.items()},
            counts(rows),
            _seconds(rows),
        )

    def _improvement(self, scores: Scores, method: str) -> Interval | None:
        return None if method == self.reference else improvement(scores, method, self.reference)

    @property
    def pool(self) -> tuple[str, ...]:
        """The methods that are ranked: those with scores on every task."""
        return self.scores[HEADLINE[0]].pool

    @cached_property
    def shares(self) -> dict[str, Shares]:
        """The shares of variance of proxy and search, by percentile; empty without a crossed grid."""
        found = {of: shares(self.frame, f"normalised_{of}") for of in HEADLINE}
        return {of: one for of, one in found.items() if one is not None}

    def plain(self) -> dict[str, Any]:
        """All numbers as plain values."""
        return {
            "methods": self.methods,
            "tasks": self.tasks,
            "reference": self.reference,
            "pool": self.pool,
            "overall": [asdict(one) for one in self.overall],
            "entries": [asdict(one) for one in self.entries],
            "shares": {of: asdict(one) for of, one in self.shares.items()},
        }


def counts(rows: DataFrame) -> dict[str, int]:
    """How many seeds are in each state."""
    found = Counter(rows["status"])
    return {state: found[state] for state in STATES}


def _means(rows: DataFrame) -> dict[str, tuple[float, float]]:
    columns = [f"{name}_{of}" for name in ("normalised", "raw") for of in MEASURES]
    there = {column: rows[column].dropna().to_numpy(dtype=float) for column in columns}
    return {column: (float(values.mean()), float(values.std())) for column, values in there.items() if len(values)}


def _seconds(rows: DataFrame) -> float | None:
    there = rows["seconds"].dropna()
    return float(there.mean()) if len(there) else None
