"""TF Bind 10: which flanks of its core make the yeast transcription factor Pho4 score highest?

The table has 5 to 8 rows for one design: up to four measurements, and for each the complement as well. The oracle of
Design-Bench fills a dictionary row by row, so a design has the score of its last row, here too. How far its rows differ
is told beside its score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks import Task, TaskOffer
from mbo_design_bench import guard, rows
from mbo_design_bench.facts import TF_BIND_10 as FACTS

LENGTH = FACTS.layout.space.length
CUBE = (4,) * LENGTH


@dataclass(frozen=True)
class LastRow:
    """The score in the last row of every 10-mer.

    Attributes:
        table: (4^10,) scores, at the 10-mer read as a number in base 4, its first letter the most significant.
        std: (4^10,) population standard deviations over the rows of a 10-mer.
    """

    table: NDArray[np.float64]
    std: NDArray[np.float64]

    def score(self, designs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Look up (n, 10) tokens: (n,) scores.

        Raises:
            TaskError: for designs of another shape, or tokens out of range.
        """
        return self._at(self.table, designs)

    def spread(self, designs: NDArray[np.int64]) -> NDArray[np.float64]:
        """The standard deviations over the rows of (n, 10) tokens: (n,); errors as in `score`."""
        return self._at(self.std, designs)

    def _at(self, table: NDArray[np.float64], designs: NDArray[np.int64]) -> NDArray[np.float64]:
        guard.tokens(FACTS.name, designs, LENGTH, 4)
        found: NDArray[np.float64] = table[np.ravel_multi_index(tuple(designs.T), CUBE)]
        return found


def oracle(all_rows: rows.Rows) -> LastRow:
    """The oracle from all rows.

    Raises:
        TaskError: if a design has no row.
    """
    x, y = all_rows
    codes = np.ravel_multi_index(tuple(x.T), CUBE)
    last = np.full(np.prod(CUBE), -1)
    np.maximum.at(last, codes, np.arange(len(codes)))
    if (last < 0).any():
        raise TaskError(f"{FACTS.name}: {(last < 0).sum()} of {len(last)} designs have no row", rows.hint(FACTS))
    return LastRow(y[last], spread(codes, y, len(last)))


def spread(codes: NDArray[np.intp], y: NDArray[np.float64], designs: int) -> NDArray[np.float64]:
    """The population standard deviation of y (N,) over the rows of each code (N,): (designs,)."""
    counts = np.bincount(codes, minlength=designs)
    mean = np.bincount(codes, y, designs) / counts
    std: NDArray[np.float64] = np.sqrt(np.bincount(codes, (y - mean[codes]) ** 2, designs) / counts)
    return std


def load() -> Task:
    """The task with its 10,000 visible rows."""
    found = rows.read(FACTS)
    own = oracle(found)
    median = float(np.median(own.std)) / (FACTS.y_max - FACTS.y_min)
    return rows.task(FACTS, found, own, {"median_measurement_std_normalised": round(median, 4)})


OFFER = TaskOffer(FACTS.name, FACTS.kind, FACTS.info, load, lambda: rows.missing(FACTS))
