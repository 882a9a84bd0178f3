"""Random forests as oracles, by Design-Bench's recipe: 100 trees of depth 100 on raw numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks import OracleSet
from mbo_design_bench import guard

FORESTS = 8
"""Number of forests that score a run's designs; the first is the task's oracle."""


@dataclass(frozen=True)
class Forest:
    """A fitted random forest that scores designs of real numbers.

    Attributes:
        task: the name of its task.
        length: the number of coordinates of a design.
        model: scikit-learn's regressor.
    """

    task: str
    length: int
    model: Any

    def score(self, designs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict (n,) scores from (n, length) designs, each row by itself.

        Raises:
            TaskError: for designs of another shape, or values that are not finite.
        """
        guard.reals(self.task, designs, self.length)
        return predict(self.model, designs)


@dataclass(frozen=True)
class Later:
    """A forest grown on first use.

    Attributes:
        grown: grows it.
    """

    grown: Callable[[], Forest]

    def score(self, designs: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Forest.score`."""
        return self._forest.score(designs)

    @cached_property
    def _forest(self) -> Forest:
        return self.grown()


def beside(own: Forest, seed: int, grown: Callable[[int], Forest]) -> OracleSet:
    """A task's own forest, and others that differ only in their seed, to see how far a score depends on it.

    Args:
        own: scores the task.
        seed: its own.
        grown: grows a forest from a seed.
    """
    others = {str(other): Later(partial(grown, other)) for other in range(FORESTS) if other != seed}
    return OracleSet({str(seed): own, **others})


def grow(
    x: NDArray[Any],
    y: NDArray[Any],
    seed: int,
    train: int,
    held_out: int | None = None,
    max_features: float | Literal["sqrt"] = 1.0,
) -> tuple[Any, float]:
    """A forest on some rows, and its Spearman correlation on others.

    Args:
        x: (N, d) features.
        y: (N,) scores.
        seed: draws the rows and grows the trees.
        train: the number of rows to fit.
        held_out: the number of other rows to rank, or None for all.
        max_features: the number of features per split; all in the recipe.
    """
    from sklearn.ensemble import RandomForestRegressor

    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(x))
    fitted, others = order[:train], order[train:][:held_out]
    # One job: threads would add up the trees in any order, and the last bit of a score would change from call to call.
    model = RandomForestRegressor(100, max_depth=100, max_features=max_features, random_state=seed, n_jobs=1)
    model.fit(x[fitted], y[fitted])
    return model, spearman(predict(model, x[others]), y[others])


def predict(model: Any, features: NDArray[Any]) -> NDArray[np.float64]:
    """Predict (n,) scores from (n, d) features; n may be 0, which scikit-learn refuses."""
    return np.asarray(model.predict(features), dtype=np.float64) if len(features) else np.empty(0)


def notes(seed: int, correlation: float) -> dict[str, Any]:
    """A forest's entry in a run's record."""
    import sklearn

    return {"oracle_seed": seed, "held_out_spearman": correlation, "scikit_learn": sklearn.__version__}


def spearman(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The rank correlation of a and b, (n,) each; ties share their mean rank.

    >>> round(spearman(np.array([1, 2, 2, 5]), np.array([10, 20, 30, 40])), 4)
    0.9487
    """
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = np.cumsum(count) - (count - 1) / 2
    return middle[place]
