"""ChEMBL: molecules, as the tokens of their SMILES, by a random forest on Morgan fingerprints.

As in design-bench 2.0.20: a design's first token is dropped, it ends at the first `[SEP]`, the rest is looked up in the
vocabulary and joined; the fingerprint has 2,048 bits of radius 4, and invalid molecules have no bit set. The forest
of the original is lost; this one is grown by its recipe, on half of all rows, from a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks import Task, TaskOffer
from mbo_design_bench import data, forest, guard, molecules, rows
from mbo_design_bench.facts import CHEMBL as FACTS

VOCABULARY = "smiles_vocab.txt"
COPY = f"copy Design-Bench's {VOCABULARY} there"
END = 13
"""The token [SEP]."""
RADIUS, SEED = 4, 0


@dataclass(frozen=True)
class MorganForest:
    """A random forest on the fingerprints of the molecules that designs spell.

    Attributes:
        model: scikit-learn's regressor.
        vocabulary: the text of each token.
    """

    model: Any
    vocabulary: tuple[str, ...]

    def score(self, designs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Predict (n,) MCHC from (n, 31) tokens; an invalid molecule scores as one without any bit.

        Raises:
            TaskError: for designs of another shape, or tokens out of range.
        """
        guard.tokens(FACTS.name, designs, FACTS.layout.space.length, len(self.vocabulary))
        return forest.predict(self.model, fingerprints(designs, self.vocabulary))


def smiles(design: NDArray[Any], vocabulary: tuple[str, ...]) -> str:
    """The SMILES of a design's tokens (L,).

    >>> smiles(np.array([1, 0, 2, 13, 0]), ("C", "[CLS]", "O"))
    'CO'
    """
    ends = np.flatnonzero(design == END)
    tokens = design[1 : ends[0]] if len(ends) else design[1:]
    return "".join(vocabulary[token] for token in tokens)


def fingerprints(designs: NDArray[Any], vocabulary: tuple[str, ...]) -> NDArray[np.float32]:
    """Morgan bits (n, 2048) of designs (n, L)."""
    return molecules.morgan([smiles(design, vocabulary) for design in designs], RADIUS)


def vocabulary() -> tuple[str, ...]:
    """The text of each token.

    Raises:
        TaskError: if the file is missing or has the wrong number of lines.
    """
    path = data.find(VOCABULARY)
    if path is None:
        raise TaskError(f"{FACTS.name}: {data.missing(VOCABULARY)}", COPY)
    try:
        lines = tuple(path.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise TaskError(f"{path} cannot be read: {error}", COPY) from error
    if len(lines) != FACTS.layout.space.classes:
        raise TaskError(f"{path} has {len(lines)} lines, not {FACTS.layout.space.classes}", COPY)
    return lines


def missing() -> str | None:
    """One line on what is missing: rdkit, the data or the vocabulary."""
    line = data.missing(VOCABULARY)
    return molecules.missing("rdkit") or rows.missing(FACTS) or (line and f"{line}: {COPY}")


def load() -> Task:
    """The task with its visible rows; grows the forest.

    Raises:
        TaskError: where something is missing.
    """
    molecules.require(FACTS.name, "rdkit")
    (x, y), words = rows.read(FACTS), vocabulary()
    model, correlation = forest.grow(fingerprints(x, words), y, SEED, train=len(x) - len(x) // 2)
    return rows.task(FACTS, (x, y), MorganForest(model, words), forest.notes(SEED, correlation))


OFFER = TaskOffer(FACTS.name, FACTS.kind, FACTS.info, load, missing)
