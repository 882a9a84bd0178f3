"""Questions about inputs: whether a column is set or measured, and on what scale it moves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks.amounts import words_of
from mbo_core.tasks.cells import Series, missing
from mbo_core.tasks.columns import Category
from mbo_core.tasks.numbers import Number
from mbo_core.tasks.space import Space

_MEASURED = (
    "yield yields selectivity conversion purity impurity impurities recovery ee titer titre loss losses accuracy auc "
    "rmse mae score scores cost costs price"
)
MEASURED = frozenset(_MEASURED.split())
"""Words in the name of a column that is seldom set, but measured or follows from what is set."""
FEWEST = 3
"""Empty cells in the same rows as those of the scores that are no accident."""
DECADES = 1000.0
"""From this ratio of its largest to its smallest value on, a column may need a logarithmic scale."""

LEVELS = 500
"""A category of so many levels is refused unless a file of the space says that it is one: each level is its own fit."""


def refuse_levels(space: Space, rows: int) -> None:
    """Refuse an inferred category with too many levels.

    Args:
        space: the space.
        rows: how many the table has.

    Raises:
        TaskError: with the column and what else it can be.
    """
    for one in space.columns:
        if isinstance(one, Category) and len(one.levels) >= LEVELS:
            raise TaskError(
                f'category "{one.name}" has {len(one.levels):,} levels in {rows:,} rows',
                f'leave it out (--ignore "{one.name}"), replace it by columns that describe its levels, or say '
                'kind = "category" in a file of the space (--space)',
            )


def questions(space: Space, inputs: Mapping[str, Series], scored: NDArray[np.bool_]) -> list[str]:
    """A line for each input that may be none, or that spans decades.

    Args:
        space: the space.
        inputs: its columns as they were read.
        scored: (n,) which rows have a score.
    """
    found = [_measured(one.name, inputs[one.name], scored) for one in space.columns if one.name in inputs]
    found += [_scale(one) for one in space.columns if isinstance(one, Number)]
    return [line for line in found if line]


def _measured(name: str, cells: Series, scored: NDArray[np.bool_]) -> str:
    empty = missing(cells)
    alike = int(empty.sum()) >= FEWEST and bool((empty == ~scored).all())
    if not alike and not MEASURED & set(words_of(name)):
        return ""
    why = ", and is empty where the score is" if alike else ""
    hint = f'then say --ignore "{name}", or limit it: --limit "{name}<=..."'
    return f"{name}: taken as an input{why}: is it measured, and not set? {hint[0].upper()}{hint[1:]}"


def _scale(number: Number) -> str:
    lower, upper = number.bounds
    if number.log or not 0 < lower * DECADES <= upper:
        return ""
    return (
        f"{number.name}: the largest value is {upper / lower:.0f} times the smallest: if ratios matter, say log = true"
    )
