"""Tasks small enough for very short runs, and their oracle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.columns import Category
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.numbers import Real, Whole
from mbo_core.tasks.space import Kind, Space
from mbo_core.tasks.task import Task

ROWS = 36
CANDIDATES = 8
CLASSES = 3
SPACES: Mapping[Kind, Space] = {
    "continuous": Space.continuous(3),
    "discrete": Space.discrete(4, CLASSES),
    "mixed": Space(
        (
            Real("acid", (0.0, 1.0), step=0.1),
            Real("base", (0.0, 1.0), step=0.1),
            Whole("hours", (0, 5)),
            Real("heat", (-2.0, 3.0)),
            Category("metal", ("Ni", "Pd", "Cu")),
        ),
        (Linear.total(("acid", "base"), 1.0),),
    ),
}
"""A space of each kind; the mixed one has steps, a sum, whole numbers and levels."""


class Bowl:
    """An oracle."""

    def score(self, designs: NDArray[Any]) -> NDArray[np.float64]:
        """Score (n, d) designs: (n,), largest where all coordinates are 1."""
        return _scores(designs)


def tiny_task(kind: Kind) -> Task:
    """A task of `ROWS` distinct designs with distinct scores, and an oracle."""
    x = _designs(kind)
    return _task(kind, "toy", x, _scores(x))


def small_task(kind: Kind, rows: int = 200, length: int = 6, classes: int = 4, best: int = 2, **options: Any) -> Task:
    """A task for a run of a whole recipe: numbers that score best at 1, or letters of which one scores.

    Args:
        kind: the kind of task.
        rows: the number of designs.
        length: coordinates or letters of a design.
        classes: the number of letters.
        best: the letter that scores.
        options: more of `Task`, e.g. its oracle; equal designs stay rows of their own unless it says otherwise.
    """
    random, options = np.random.default_rng(4), {"replicates": "keep", **options}
    if kind == "continuous":
        numbers = random.normal(size=(rows, length))
        return Task("numbers", numbers, -((numbers - 1) ** 2).sum(1), **options)
    x = random.integers(0, classes, (rows, length))
    return Task("letters", x, (x == best).sum(1) - 0.1 * x[:, 0], space=Space.discrete(length, classes), **options)


def degenerate_tasks(kind: Kind) -> Mapping[str, Task]:
    """Degenerate data on which methods often fail, by name."""
    x = _designs(kind)
    y = _scores(x)
    few = CANDIDATES - 3
    return {
        "equal scores": _task(kind, "equal scores", x, np.full(ROWS, 2.5)),
        "duplicate rows": _task(kind, "twice", np.repeat(x[::2], 2, 0), np.repeat(y[::2], 2)),
        "equal designs": _task(kind, "equal designs", np.repeat(x[:1], ROWS, 0), y),
        f"{few} rows": _task(kind, "few", x[:few], y[:few]),
    }


def _task(kind: Kind, name: str, x: NDArray[Any], y: NDArray[np.float64]) -> Task:
    return Task(name, x, y, space=SPACES[kind], oracle=Bowl(), replicates="keep")


def _designs(kind: Kind) -> NDArray[Any]:
    numbers = np.random.default_rng(0)
    length = SPACES[kind].length
    if kind == "continuous":
        return numbers.normal(size=(ROWS, length))
    if kind == "mixed":
        return SPACES[kind].repair(numbers.uniform(-2, 4, size=(ROWS, length)))
    # Spread evenly over all designs, so that there are no duplicates and each token is at each position.
    chosen = np.linspace(0, CLASSES**length - 1, ROWS).astype(int)
    return np.stack(np.unravel_index(numbers.permutation(chosen), [CLASSES] * length), axis=1)


def _scores(x: NDArray[Any]) -> NDArray[np.float64]:
    # Coordinates have different weights, so that no two designs have equal scores.
    return np.asarray(-((x - 1.0) ** 2 * (1 + 0.1 * np.arange(x.shape[1]))).sum(1) + 0.01 * x[:, 0], dtype=np.float64)
