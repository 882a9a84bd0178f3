"""What a person asks for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mbo_core.errors import RecipeError
from mbo_core.tasks.space import Space

LARGEST_BATCH = 1000
"""A larger batch is probably a mistake: a design for each would have to be chosen and judged."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a person asks for besides the table.

    Attributes:
        target: the column of the scores.
        minimize: whether smaller scores are better.
        batch: the number of designs.
        recipe: `auto`, or a method, a recipe file or a recipe.
        space: a space, or a file that corrects the inferred one.
        ignore: columns that are no inputs.
        start: designs to search from: a frame or a CSV file.
        fix: columns that proposals keep at a value.
        seed: the first seed of all that is random.
    """

    target: str
    minimize: bool = False
    batch: int = 16
    recipe: Any = "auto"
    space: Space | str | os.PathLike[str] | None = None
    ignore: tuple[str, ...] = ()
    start: Any = None
    fix: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what can be checked without the table.

        Raises:
            RecipeError: for a batch of no or too many designs.
        """
        if not 1 <= self.batch <= LARGEST_BATCH:
            raise RecipeError(f"batch of {self.batch:,} designs", f"ask for 1 to {LARGEST_BATCH:,}")
