"""Nickel superalloys: which composition and heat treatment yields at the highest stress?

Proposed alloys cannot be cast here, so a random forest is the oracle, grown like Superconductor's, on four fifths of
all rows, hidden ones too. An alloy has several rows, tested at several temperatures, so the rank correlation on the
other fifth measures interpolation; on alloys without a training row it was 0.70 to 0.79 over four draws.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

from numpy.typing import NDArray

from mbo_core.tasks import Task, TaskOffer
from mbo_design_bench import data, forest, rows
from mbo_design_bench.facts_beyond import NI_SUPERALLOY as FACTS

FILE = "ni_superalloy.npz"
SEED = 0
"""Draws the forest's rows and grows its trees: a part of the task, not of a run."""


def dataset() -> rows.Rows:
    """All rows, visible or not: (1046, 40) inputs and (1046,) strengths in MPa."""
    with as_file(files("mbo_design_bench").joinpath(FILE)) as path:
        found = data.pair(path)
    return found["x"], found["y"].astype("f8")


def fit(x: NDArray[Any], y: NDArray[Any], seed: int) -> tuple[forest.Forest, float]:
    """A forest on four fifths of x (N, 40) and y (N,), and its Spearman correlation on the rest."""
    model, correlation = forest.grow(x, y, seed, train=len(x) * 4 // 5)
    return forest.Forest(FACTS.name, FACTS.layout.space.length, model), correlation


def load() -> Task:
    """The task with its 837 visible rows; fits its forest, about a second, and seven more when a run is scored."""
    x, y = dataset()
    own, correlation = fit(x, y, SEED)
    oracle = forest.beside(own, SEED, lambda seed: fit(x, y, seed)[0])
    return rows.task(FACTS, (x, y), oracle, forest.notes(SEED, correlation))


OFFER = TaskOffer(FACTS.name, FACTS.kind, FACTS.info, load)
