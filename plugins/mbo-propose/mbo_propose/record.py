"""What is known of a batch of proposals."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mbo_core.tasks.columns import Cells
from mbo_core.tasks.task import Task

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Proposal:
    """One proposed design.

    Attributes:
        design: its cells, by column.
        predicted: the predicted score.
        spread: the standard deviation of the prediction.
    """

    design: Cells
    predicted: float
    spread: float


@dataclass
class Proposals:
    """A batch of proposals with all that is known of them. Scores are as people have them.

    Attributes:
        task: the table with its space.
        recipe: the name of the recipe.
        asked: how many designs were asked for.
        proposals: the designs, best first.
        notes: what was decided, a sentence each.
        seconds: the wall time.
        folder: where they are stored, or None.
    """

    task: Task
    recipe: str
    asked: int
    proposals: list[Proposal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    folder: Path | None = None

    def frame(self) -> DataFrame:
        """A row for each proposal: the design's cells, then what is known of it."""
        from pandas import DataFrame

        return DataFrame({**one.design, "predicted": one.predicted, "spread": one.spread} for one in self.proposals)

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "recipe": self.recipe,
            "asked": self.asked,
            "best_tried": self.task.best_in_data,
            "proposals": [vars(one) for one in self.proposals],
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
            "folder": str(self.folder) if self.folder else None,
        }
