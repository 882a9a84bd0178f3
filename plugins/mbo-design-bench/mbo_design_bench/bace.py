"""BACE: which molecule inhibits beta-secretase 1 at the lowest concentration?

A design is a molecule as SELFIES tokens, and every sequence of tokens spells a valid one, so whatever a method proposes
can be drawn; it is printed as SMILES. Different tokens may spell one molecule. Proposals cannot be measured here, so a
random forest on Morgan bits of radius 2 is the oracle, grown on four fifths of all rows, hidden ones too. Its
splits choose from 45 of the 2,048 bits (the square root): on held-out rows it ranks as well as one that chooses from
all (0.81 and 0.80 over three draws), and grows thirty times faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks import Cells, Task, TaskOffer, Verdict
from mbo_design_bench import forest, guard, molecules, rows
from mbo_design_bench.bace_csv import LENGTH, TOKENS
from mbo_design_bench.facts_beyond import BACE as FACTS

RADIUS = 2
SEED = 0
"""Draws the forest's rows and grows its trees: a part of the task, not of a run."""


@dataclass(frozen=True)
class MoleculeForest:
    """A random forest on the bits of the molecules that designs spell.

    Attributes:
        model: scikit-learn's regressor.
        lowest: the score of an invalid design: the smallest of the data.
    """

    model: Any
    lowest: float

    def score(self, designs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Predict (n,) pIC50 from (n, 174) tokens; a design without any atom has the lowest score.

        Raises:
            TaskError: for designs of another shape, or tokens out of range.
        """
        return self.judge(designs).scores

    def judge(self, designs: NDArray[np.int64]) -> Verdict:
        """The same scores, and the designs that are not molecules; errors as in `score`."""
        guard.tokens(FACTS.name, designs, LENGTH, len(TOKENS))
        texts = [smiles(design) for design in designs]
        scores = forest.predict(self.model, molecules.morgan(texts, RADIUS))
        faults = {row: "its tokens spell no atom" for row, text in enumerate(texts) if not text}
        scores[list(faults)] = self.lowest
        return Verdict(scores, faults)


def smiles(design: NDArray[Any]) -> str:
    """The canonical SMILES of a design (174,); empty without atoms."""
    import selfies
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(selfies.decoder("".join(TOKENS[token] for token in design)))
        return str(Chem.MolToSmiles(molecule)) if molecule is not None else ""


def cells(design: NDArray[Any]) -> Cells:
    """A design for people."""
    return {"smiles": smiles(design)}


def missing() -> str | None:
    """One line on what is missing: the extra or the data."""
    return molecules.missing("rdkit", "selfies") or rows.missing(FACTS)


def load() -> Task:
    """The task with its 757 visible rows; grows the forest.

    Raises:
        TaskError: if something is missing.
    """
    molecules.require(FACTS.name, "rdkit", "selfies")
    x, y = rows.read(FACTS)
    bits = molecules.morgan([smiles(design) for design in x], RADIUS)
    model, correlation = forest.grow(bits, y, SEED, train=len(x) * 4 // 5, max_features="sqrt")
    notes = {**forest.notes(SEED, correlation), **molecules.versions("rdkit", "selfies")}
    return rows.task(FACTS, (x, y), MoleculeForest(model, float(y.min())), notes, cells=cells)


OFFER = TaskOffer(FACTS.name, FACTS.kind, FACTS.info, load, missing)
