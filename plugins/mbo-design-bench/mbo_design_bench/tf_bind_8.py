"""TF Bind 8: which DNA 8-mer does the human transcription factor SIX6 bind best?

The file holds one enrichment score (E-score) for each of the 32,896 pairs of an 8-mer and its reverse
complement, as the measurement gives it: five decimals, stored as whole multiples of 1e-5. Everything else follows:

* rows: first the strand that comes first in the alphabet, in alphabetical order, then the opposite strands in the
  same order. That is the order of the source file and of Design-Bench, 65,792 rows; the 256 palindromes, which
  are their own opposite strand, have two rows.
* y: (E - min E) / (max E - min E) in float64, rounded to float32 as Design-Bench stores it, then widened.
* visible: y up to and including the 50th percentile over all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks import Space, Task, TaskInfo, TaskOffer
from mbo_design_bench import facts, guard

NAME = facts.TF_BIND_8.name
FILE = "tf_bind_8.npy"
ALPHABET = facts.DNA
LENGTH = 8
CUBE = (len(ALPHABET),) * LENGTH
UNITS = 100_000
"""The stored whole numbers are E-scores times this."""

INFO = facts.TF_BIND_8.info


@dataclass(frozen=True)
class Lookup:
    """The measured score of every 8-mer.

    Attributes:
        task: the name of its task.
        table: (65536,) scores, at the 8-mer read as a number in base 4, its first letter the most significant.
    """

    task: str
    table: NDArray[np.float64]

    def score(self, designs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Look up (n, 8) tokens: (n,) scores from 0 to 1.

        Raises:
            TaskError: for designs of another shape, or tokens out of range.
        """
        guard.tokens(self.task, designs, LENGTH, len(ALPHABET))
        scores: NDArray[np.float64] = self.table[np.ravel_multi_index(tuple(designs.T), CUBE)]
        return scores


def strands() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(32896, 8) tokens of the strand of each pair that comes first in the alphabet, and of the opposite strand.

    >>> "".join(ALPHABET[token] for token in strands()[0][1]), "".join(ALPHABET[token] for token in strands()[1][1])
    ('AAAAAAAC', 'GTTTTTTT')
    """
    codes = np.arange(np.prod(CUBE))
    forward = np.stack(np.unravel_index(codes, CUBE), axis=1)
    opposite = (3 - forward)[:, ::-1]  # A pairs with T and C with G; the other strand is read backwards
    first = codes <= np.ravel_multi_index(tuple(opposite.T), CUBE)
    return forward[first], opposite[first]


def dataset() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """All rows, visible or not: (65792, 8) tokens and (65792,) scores."""
    with files("mbo_design_bench").joinpath(FILE).open("rb") as stream:
        return both_strands(np.load(stream, allow_pickle=False))


def both_strands(units: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """All rows of a file, whose E-scores (32896,) are in units of 1e-5."""
    escore = units / UNITS
    y = ((escore - escore.min()) / (escore.max() - escore.min())).astype(np.float32).astype(np.float64)
    return np.concatenate(strands()), np.concatenate([y, y])


def load() -> Task:
    """The task with its 32,898 visible rows."""
    return task(NAME, *dataset(), INFO)


def task(name: str, x: NDArray[np.int64], y: NDArray[np.float64], info: TaskInfo) -> Task:
    """The task on the lower half of all rows, (65792, 8) and (65792,)."""
    table = np.empty(np.prod(CUBE))
    table[np.ravel_multi_index(tuple(x.T), CUBE)] = y
    seen = y <= np.percentile(y, 50)
    space = Space.discrete(LENGTH, len(ALPHABET), ALPHABET)
    return Task(
        name,
        x[seen],
        y[seen],
        space=space,
        oracle=Lookup(name, table),
        y_min=0.0,
        y_max=1.0,
        info=info,
        replicates="keep",
    )


OFFER = TaskOffer(NAME, "discrete", INFO, load)
