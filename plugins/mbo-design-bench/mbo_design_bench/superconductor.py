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

from mbo_core.errors import TaskError
from mbo_core.task import Space, Task, TaskInfo, TaskOffer
from mbo_design_bench import data, guard

NAME = "Superconductor-RandomForest-v0"
FILE = "superconductor.npz"
SHAPES = {"x": (21_263, 86), "y": (21_263,)}
FINGERPRINT = "8f7a05535b8b4ecf6a9e1c6ab3f8e14af52442c192ce33e6235910d1c6df9f60"
"""SHA-256 of the numbers, see `mbo_design_bench.data.fingerprint`."""

SEED = 0
"""Draws the forest's rows and grows its trees: a part of the task, not of a run."""

SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au "
    "Hg Tl Pb Bi Po At Rn"
)
ELEMENTS = tuple(SYMBOLS.split())

HINT = (
    "download UCI data set 464 (https://archive.ics.uci.edu/dataset/464), unpack unique_m.csv and run "
    f"`python -m mbo_design_bench.build_superconductor unique_m.csv`; or name the folder that holds {FILE} "
    f"in {data.VARIABLE}"
)

INFO = TaskInfo(
    summary="mixtures of 86 elements with a high critical temperature, by a random forest fitted to measurements",
    source="UCI Machine Learning Repository 464, unique_m.csv",
    licence="CC BY 4.0",
    citation=(
        "Hamidieh 2018, A data-driven statistical model for predicting the critical temperature of a superconductor, "
        "Computational Materials Science 154:346-354; task: Trabucco et al. 2022, Design-Bench, arXiv:2202.08450"
    ),
    oracle="learned",
    comparable=(
        "published tables only roughly: same rows, same visible 80 %, but the forest is refitted, since the original "
        "one is lost; compare methods with each other on this forest"
    ),
    notes={"rows": 21_263, "visible_percentile": 80, "oracle_seed": SEED},
)


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
        guard.reals(NAME, designs, len(ELEMENTS))
        if len(designs) == 0:
            return np.empty(0)
        return np.asarray(self.model.predict(designs), dtype=np.float64)


def fit(x: NDArray[Any], y: NDArray[Any], seed: int) -> tuple[Forest, float]:
    """A forest on 1,000 random rows of x (N, 86) and y (N,), and its Spearman correlation on 1,000 others."""
    from sklearn.ensemble import RandomForestRegressor

    rows = np.random.Generator(np.random.PCG64(seed)).permutation(len(x))
    train, held_out = rows[:1000], rows[1000:2000]
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


def read() -> data.Arrays:
    """All rows, visible or not: x (21263, 86) and y (21263,).

    Raises:
        TaskError: where the file is missing, cannot be read, or holds other numbers.
    """
    path = data.find(FILE)
    if path is None:
        raise TaskError(f"{NAME}: {data.missing(FILE)}", HINT)
    arrays = data.read(path, SHAPES, HINT)
    check(arrays, str(path))
    return arrays


def check(arrays: data.Arrays, origin: str) -> None:
    """Refuse numbers that are not those of UCI 464.

    Raises:
        TaskError: with both fingerprints.
    """
    found = data.fingerprint(arrays)
    if found != FINGERPRINT:
        raise TaskError(f"{origin} holds other numbers than UCI 464: SHA-256 {found}, not {FINGERPRINT}", HINT)


def load() -> Task:
    """The task with its 17,014 visible rows; fits the forest, about a second."""
    import sklearn

    x, y = (read()[name] for name in ("x", "y"))
    forest, correlation = fit(x, y, SEED)
    notes = {**INFO.notes, "held_out_spearman": correlation, "scikit_learn": sklearn.__version__}
    seen = y <= np.percentile(y, 80)
    space = Space("continuous", len(ELEMENTS), columns=ELEMENTS)
    ends = {"y_min": float(y.min()), "y_max": float(y.max())}
    return Task(NAME, x[seen], y[seen], space=space, oracle=forest, info=replace(INFO, notes=notes), **ends)


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = np.cumsum(count) - (count - 1) / 2
    return middle[place]


OFFER = TaskOffer(NAME, "continuous", INFO, load, lambda: data.missing(FILE))
