"""Superconductor: which mixture of elements superconducts at the highest temperature?

The data are the table of chemical formulas of UCI 464, 86 amounts a material, y its critical temperature in kelvin.
No one can synthesise a proposed material here, so a random forest stands for the truth. The forest of Design-Bench
was a pickle in a bucket that is gone; this one is refitted by its recipe: 2,000 rows drawn from all rows, hidden ones
too, 1,000 to fit and 1,000 held out; 100 trees, depth 100, every feature at every split. Design-Bench fitted it to
standardised numbers; splits do not depend on the scale, so raw amounts serve and nothing is lost in a round trip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.task import Task, TaskOffer
from mbo_design_bench import guard, rows
from mbo_design_bench.facts import SUPERCONDUCTOR as FACTS

NAME = FACTS.name

SEED = 0
"""Draws the forest's rows and grows its trees: a part of the task, not of a run."""

INFO = replace(FACTS.info, notes={**FACTS.info.notes, "oracle_seed": SEED})


@dataclass(frozen=True)
class Forest:
    """A fitted random forest that stands for the truth.

    Attributes:
        model: scikit-learn's regressor.
    """

    model: Any

    def score(self, designs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict (n,) critical temperatures in kelvin from (n, 86) amounts, each row by itself.

        Raises:
            TaskError: for designs of another shape, or values that are not finite.
        """
        guard.reals(NAME, designs, FACTS.layout.space.length)
        if len(designs) == 0:
            return np.empty(0)
        return np.asarray(self.model.predict(designs), dtype=np.float64)


def fit(x: NDArray[Any], y: NDArray[Any], seed: int) -> tuple[Forest, float]:
    """A forest on 1,000 random rows of x (N, 86) and y (N,), and its Spearman correlation on 1,000 others."""
    from sklearn.ensemble import RandomForestRegressor

    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(x))
    train, held_out = order[:1000], order[1000:2000]
    # One job: threads would add up the trees in any order, and the last bit of a score would change from call to call.
    model = RandomForestRegressor(100, max_depth=100, max_features=1.0, random_state=seed, n_jobs=1)
    forest = Forest(model.fit(x[train], y[train]))
    return forest, spearman(forest.score(x[held_out]), y[held_out])


def spearman(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The rank correlation of a and b, (n,) each; equal values share their mean rank.

    >>> round(spearman(np.array([1, 2, 2, 5]), np.array([10, 20, 30, 40])), 4)
    0.9487
    """
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def load() -> Task:
    """The task with its 17,014 visible rows; fits the forest, about a second."""
    import sklearn

    x, y = rows.read(FACTS)
    forest, correlation = fit(x, y, SEED)
    notes = {"oracle_seed": SEED, "held_out_spearman": correlation, "scikit_learn": sklearn.__version__}
    return rows.task(FACTS, (x, y), forest, **notes)


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = np.cumsum(count) - (count - 1) / 2
    return middle[place]


OFFER = TaskOffer(NAME, "continuous", INFO, load, lambda: rows.missing(FACTS))
