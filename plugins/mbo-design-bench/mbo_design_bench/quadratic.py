"""Quadratic2D: a toy task for offline optimization.

f(x1, x2) = -x1^2 - x2^2, and the data form a cross without its middle: in each row one coordinate is near its optimum
0 and the other far from it. So each half of the best design is in the data, but the best design is not: combining
the halves scores almost 0, while the best row of the data scores about -1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks import Space, Task, TaskInfo, TaskOffer
from mbo_design_bench import guard

NAME = "Quadratic2D-Exact-v0"
ROWS = 512
SEED = 0
NEAR = 0.1
FAR = (1.0, 2.0)

INFO = TaskInfo(
    summary="a toy: f(x1, x2) = -x1^2 - x2^2; each coordinate's optimum is in the data, never both together",
    source=f"{ROWS} rows drawn with numpy's PCG64, seed {SEED}",
    licence="Apache-2.0",
    oracle="formula",
    comparable="with nothing published: made for documentation and tests",
    notes={"rows": ROWS, "seed": SEED, "near": NEAR, "far": list(FAR), "y_min": "the smallest score of the data"},
)


@dataclass(frozen=True)
class Paraboloid:
    """-x1^2 - x2^2, at most 0."""

    def score(self, designs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score (n, 2) designs: (n,).

        Raises:
            TaskError: for designs of another shape, or values that are not finite.

        >>> Paraboloid().score(np.array([[0.0, 1.0], [1.0, 2.0]]))
        array([-1., -5.])
        """
        guard.reals(NAME, designs, 2)
        return np.asarray(-(designs[:, 0] ** 2) - designs[:, 1] ** 2, dtype=np.float64)


def designs() -> NDArray[np.float64]:
    """(512, 2): rows with a small first coordinate alternate with rows with a small second one."""
    draws = np.random.Generator(np.random.PCG64(SEED)).random((ROWS, 3))
    near = NEAR * (2 * draws[:, 0] - 1)
    far = (FAR[0] + (FAR[1] - FAR[0]) * draws[:, 1]) * np.where(draws[:, 2] < 0.5, -1, 1)
    turn = np.arange(ROWS)[:, None] % 2 == 0
    return np.where(turn, np.stack([near, far], axis=1), np.stack([far, near], axis=1))


def load() -> Task:
    """The task; all rows are visible, the optimum normalises to 1 and the worst row to 0."""
    x, oracle = designs(), Paraboloid()
    space = Space.continuous(2, ("x1", "x2"))
    return Task(NAME, x, oracle.score(x), space=space, oracle=oracle, y_max=0.0, info=INFO, replicates="keep")


OFFER = TaskOffer(NAME, "continuous", INFO, load)
