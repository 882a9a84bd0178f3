"""Superconductor's oracle as Design-Bench released it: each process standardises designs by other rows.

Design-Bench 2.0.20 fits its forest to 1,000 of 2,000 rows drawn from all rows, with x and y standardised by the mean
and standard deviation of those 2,000 (`oracle_builder.py`: `internal_dataset`, `expect_normalized_x`). A process that
loads the stored forest draws 2,000 other rows, from a generator without a seed, and standardises designs and
predictions by these. Splits are where the first draw had them, so a design goes down other branches in each process,
and each published trial had an oracle of its own. Amounts of an element that a draw lacks are left as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks import OracleSet, Task, TaskOffer
from mbo_design_bench import forest, guard, rows
from mbo_design_bench.facts import SUPERCONDUCTOR as PLAIN
from mbo_design_bench.superconductor import SEED

DRAWN = 2000
"""Rows of a draw."""

DRAWS = range(1, 9)
"""Seeds of the draws that designs are standardised by, one for each of the eight published trials."""

FACTS = replace(
    PLAIN,
    name=f"as-released:{PLAIN.name}",
    summary=f"{PLAIN.summary}, asked as Design-Bench released it",
    comparable=(
        "published tables, but for the forest's own rows: same rows, same visible 80 %, and designs standardised by "
        "another random draw than the forest's, as in each published trial"
    ),
    notes={"oracle_seed": SEED, "standardised_by_draws": list(DRAWS)},
)


@dataclass(frozen=True)
class Draw:
    """The statistics of a random draw of rows, float32 as in Design-Bench.

    Attributes:
        mean: (d,) means of the features.
        std: (d,) population standard deviations; 1 where a feature does not vary.
        y_mean: the mean score.
        y_std: the standard deviation of the scores.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    y_mean: float
    y_std: float

    @classmethod
    def of(cls, x: NDArray[Any], y: NDArray[Any], seed: int) -> Draw:
        """The statistics of the rows that a seed draws; x (N, d), y (N,)."""
        # The same generator as the forest's, so that the forest's own draw contains its training rows.
        drawn = np.random.Generator(np.random.PCG64(seed)).permutation(len(x))[:DRAWN]
        std = x[drawn].std(axis=0)
        return cls(
            x[drawn].mean(axis=0, dtype=np.float64).astype(np.float32),
            np.where(std == 0, 1, std).astype(np.float32),
            float(y[drawn].mean()),
            float(y[drawn].std()) or 1.0,
        )

    def standardised(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """The features (n, d) in units of the draw."""
        return (x.astype(np.float32) - self.mean) / self.std


@dataclass(frozen=True)
class AsReleased:
    """The forest of one draw, asked with the statistics of another.

    Attributes:
        model: scikit-learn's regressor, fitted to standardised rows.
        asked: standardises the designs, and turns predictions into raw scores.
    """

    model: Any
    asked: Draw

    def score(self, designs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict (n,) scores in kelvin from (n, 86) designs, each row by itself.

        Raises:
            TaskError: for designs of another shape, or values that are not finite.
        """
        guard.reals(FACTS.name, designs, len(self.asked.mean))
        predicted = forest.predict(self.model, self.asked.standardised(designs))
        return predicted * self.asked.y_std + self.asked.y_mean


def oracles(x: NDArray[Any], y: NDArray[Any]) -> tuple[OracleSet, float]:
    """The forest under each draw of `DRAWS`, x (N, 86) and y (N,); and its held-out rank correlation, its own draw."""
    own = Draw.of(x, y, SEED)
    model, correlation = forest.grow(
        own.standardised(x), (y - own.y_mean) / own.y_std, SEED, train=DRAWN // 2, held_out=DRAWN // 2
    )
    return OracleSet({str(seed): AsReleased(model, Draw.of(x, y, seed)) for seed in DRAWS}), correlation


def load() -> Task:
    """The rows of `Superconductor-RandomForest-v0`; its first draw scores the task, the others show the spread."""
    x, y = rows.read(PLAIN)
    found, correlation = oracles(x, y)
    return rows.task(FACTS, (x, y), found, forest.notes(SEED, correlation))


OFFER = TaskOffer(FACTS.name, "continuous", FACTS.info, load, lambda: rows.missing(PLAIN))
