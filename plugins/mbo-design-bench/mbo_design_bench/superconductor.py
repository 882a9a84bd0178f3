"""Superconductor: which mixture of elements superconducts at the highest temperature?

The data are the table of chemical formulas of UCI 464, 86 amounts a material, y its critical temperature in kelvin.
Proposed materials cannot be synthesised here, so a random forest is the oracle. Design-Bench's forest was a pickle in
a bucket that is gone; this one is refitted by its recipe: 2,000 rows drawn from all rows, hidden ones
too, 1,000 to fit and 1,000 held out; 100 trees, depth 100, every feature at every split. This forest sees raw amounts,
so a design has one score. Design-Bench's saw standardised ones, by other statistics in each process:
`mbo_design_bench.as_released`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from mbo_core.tasks import Task, TaskOffer
from mbo_design_bench import forest, rows
from mbo_design_bench.facts import SUPERCONDUCTOR as FACTS
from mbo_design_bench.forest import Forest

NAME = FACTS.name

SEED = 0
"""Draws the forest's rows and grows its trees: a part of the task, not of a run."""

INFO = replace(FACTS.info, notes={**FACTS.info.notes, "oracle_seed": SEED})


def fit(x: NDArray[Any], y: NDArray[Any], seed: int) -> tuple[Forest, float]:
    """A forest on 1,000 random rows of x (N, 86) and y (N,), and its Spearman correlation on 1,000 others."""
    model, correlation = forest.grow(x, y, seed, train=1000, held_out=1000)
    return Forest(NAME, FACTS.layout.space.length, model), correlation


def load() -> Task:
    """The task with its 17,014 visible rows; fits its forest, about a second, and seven more when a run is scored."""
    x, y = rows.read(FACTS)
    own, correlation = fit(x, y, SEED)
    oracle = forest.beside(own, SEED, lambda seed: fit(x, y, seed)[0])
    return rows.task(FACTS, (x, y), oracle, forest.notes(SEED, correlation))


OFFER = TaskOffer(NAME, "continuous", INFO, load, lambda: rows.missing(FACTS))
