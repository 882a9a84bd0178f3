"""RNA binding: which RNA of 14 letters binds a target of 100 most tightly?

The three single-target tasks of length 14 of FLEXS. A design scores the minimum free energy of its duplex with the
target, by ViennaRNA at 37 degrees Celsius, over a minimum: the energy of the target with its own complement, taken at
14 of its 100 letters. The energy is computed exactly, so no measurement is needed.

The data are ours, since FLEXS has none: 10,000 sequences drawn uniformly from all 4^14, the same for each target, of
which the worse half is visible: about 5,000, as many as in BootGen's offline tasks. A uniform draw is independent of
the target; its best scores 0.79 to 0.85 and the best visible row about 0.3, which leaves room for improvement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.resources import as_file, files
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks import Task, TaskOffer
from mbo_design_bench import data, guard, rows
from mbo_design_bench.facts_beyond import RNA as FACTS
from mbo_design_bench.facts_beyond import RNA_TARGETS
from mbo_design_bench.layout import Facts

FILE = "rna.npz"
EXTRA = "pip install 'mbo-design-bench[rna]'"
ROWS, LENGTH, SEED = 10_000, 14, 0
LETTERS = np.array(list("ACGU"))
COMPLEMENT = str.maketrans("ACGU", "UGCA")
UNITS = 100
"""Energies are whole multiples of 0.01 kcal/mol."""

CHECKED = 32
"""Number of visible rows rescored when a task is loaded."""


@dataclass(frozen=True)
class Duplex:
    """The binding energy of RNA with a target.

    Attributes:
        task: the name of its task.
        target: its letters.
        minimum: the energy of the target with its complement, in 0.01 kcal/mol.
    """

    task: str
    target: str
    minimum: int

    def score(self, designs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Fold (n, 14) tokens: (n,) energies over the minimum, larger is tighter.

        Raises:
            TaskError: for designs of another shape, or tokens out of range.
        """
        guard.tokens(self.task, designs, LENGTH, len(LETTERS))
        return scores(energies(self.target, ["".join(word) for word in LETTERS[designs]]), self.minimum, self.target)


def energies(target: str, words: Sequence[str]) -> NDArray[np.int64]:
    """The minimum free energies (n,) of n duplexes with a target, in 0.01 kcal/mol."""
    import RNA

    return np.array([round(RNA.duplexfold(target, word).energy * UNITS) for word in words], dtype=np.int64)


def minimum(target: str) -> int:
    """The energy of a target with its own complement, in 0.01 kcal/mol."""
    return int(energies(target, [target.translate(COMPLEMENT)[::-1]])[0])


def scores(energy: NDArray[np.integer], minimum: int, target: str) -> NDArray[np.float64]:
    """Energies (n,) over the minimum of a target, scaled to the letters of a design."""
    return np.asarray(energy / (minimum * LENGTH / len(target)), dtype=np.float64)


def designs() -> NDArray[np.int64]:
    """(10000, 14) tokens, uniform: the upper 28 bits of each draw, two per letter, the first letter on top."""
    codes = np.random.PCG64(SEED).random_raw(ROWS) >> (64 - 2 * LENGTH)
    return np.stack(np.unravel_index(codes.astype(np.int64), (len(LETTERS),) * LENGTH), axis=1)


def dataset(number: int) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """All designs of target 1 to 3, visible or not, (10000, 14), their energies (10000,), and the target's minimum."""
    with as_file(files("mbo_design_bench").joinpath(FILE)) as path:
        found = data.arrays(path, ("energies", "minima"))
    return designs(), found["energies"][number - 1].astype(np.int64), int(found["minima"][number - 1])


def load(facts: Facts, number: int) -> Task:
    """The task of target 1 to 3 with its 5,026 to 5,060 visible rows: energies tie at the median.

    Raises:
        TaskError: without ViennaRNA, or if its energies differ from the data.
    """
    if missing() is not None:
        raise TaskError(f"{facts.name} needs ViennaRNA", EXTRA)
    x, energy, lowest = dataset(number)
    oracle = Duplex(facts.name, RNA_TARGETS[number - 1], lowest)
    y = scores(energy, lowest, oracle.target)
    _check(oracle, x, y)
    return rows.task(facts, (x, y), oracle, {"viennarna": version("viennarna")}, ends=(facts.y_min, facts.y_max))


def missing() -> str | None:
    """One line if the extra is not installed, else None."""
    return None if find_spec("RNA") else f"viennarna is not installed: {EXTRA}"


def _check(oracle: Duplex, x: NDArray[np.int64], y: NDArray[np.float64]) -> None:
    """Refuse a ViennaRNA whose energies differ from the data."""
    found = oracle.score(x[:CHECKED])
    if minimum(oracle.target) != oracle.minimum or not np.array_equal(found, y[:CHECKED]):
        row = int(np.argmax(found != y[:CHECKED]))
        raise TaskError(
            f"{oracle.task}: ViennaRNA scores row {row} as {found[row]:.4f}, but the data have {y[row]:.4f}",
            "use viennarna 2.7 with its default temperature and parameters",
        )


OFFERS = [
    TaskOffer(facts.name, facts.kind, facts.info, partial(load, facts, number), missing)
    for number, facts in enumerate(FACTS, start=1)
]
