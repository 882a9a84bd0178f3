"""What is known of a batch of proposals: all that is printed, stored and reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.columns import Cells
from mbo_core.tasks.task import Task
from mbo_propose.wishes import Wishes

if TYPE_CHECKING:
    from pandas import DataFrame

    from mbo_core.recipes.values import AnyRecipe
    from mbo_propose.again import Calibration
    from mbo_propose.backtest import Backtest, Verdict
    from mbo_propose.crossing import HeldOut
    from mbo_propose.flags import Flag
    from mbo_propose.given import Given
    from mbo_propose.spaces import ColumnRow

CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Proposal:
    """One proposed design; scores as people have them.

    Attributes:
        design: its cells, by column.
        predicted: the predicted score.
        spread: the standard deviation of its error: the error on held-out rows, more where the proxies are unsure.
        lower: the score that it reaches with a chance of 90 % (at most, if smaller is better); None: cannot tell,
            as of a design that is not to be trusted.
        distance: to the nearest tried design, in units of the data's spacing.
        nearest_row: the row of that design in the table; the first is 0.
        gap: how far the adversary makes the prediction worse within half a spacing, in the target's unit.
        flag: `close`, `extrapolates` or `do not trust`.
        tier: `safe`, `stretch` or `explore`.
        why: the reason for the flag; empty for `close`.
        gain: how much better the prediction is than the best tried score; negative if worse.
        changed: what differs from the best tried design, as (tried, proposed) by column.
        success: the chance to get a score; None if it was not learned.
        kept: the chance to keep all limits; None without limits.
    """

    design: Cells
    predicted: float
    spread: float
    lower: float | None
    distance: float
    nearest_row: int
    gap: float
    flag: Flag
    tier: str
    why: str = ""
    gain: float = 0.0
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    success: float | None = None
    kept: float | None = None

    def plain(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        names = ("predicted", "spread", "lower", "distance", "nearest_row", "gap", "flag", "tier")
        return {"design": self.design, **{name: getattr(self, name) for name in names}}


@dataclass
class Proposals:
    """A batch of proposals with all that is known of them. Scores are as people have them.

    Attributes:
        wishes: what was asked for.
        given: the table.
        columns: the columns of the space, as they are printed.
        start: the designs to search from, or None.
        recipe: the name of the recipe.
        chosen: the recipe, as `mbo.run` takes it.
        helping: recipes whose searches hand over designs too, which the chosen one judges.
        reasons: why it was chosen, a sentence each.
        tested: what each recipe did in the backtest; None if a recipe was asked for.
        judged: the verdict on the table with its reasons and numbers.
        helps: what would help most, a sentence each.
        held_out: predictions for rows by proxies that were not trained on them.
        trace: the infos of each step of training and search, by seed.
        x: (n, length) the proposed designs, raw.
        proposals: the same with what is known of each, in the order of the batch.
        unit: the unit of the target, or "".
        spacing: the median distance of a tried design to its nearest, in standard deviations; and the reach.
        calibration: how well the last batch was predicted, where this one continues it.
        notes: what was decided, a sentence each.
        seconds: the wall time.
        folder: where they are stored, or None.
    """

    wishes: Wishes
    given: Given
    columns: list[ColumnRow] = field(default_factory=list)
    start: Any = None
    recipe: str = ""
    chosen: Any = None
    helping: list[AnyRecipe] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    tested: Backtest | None = None
    judged: Verdict | None = None
    helps: list[str] = field(default_factory=list)
    held_out: HeldOut | None = None
    trace: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    x: NDArray[Any] = field(default_factory=lambda: np.zeros((0, 0)))
    proposals: list[Proposal] = field(default_factory=list)
    unit: str = ""
    spacing: tuple[float, float] = (1.0, 1.0)
    calibration: Calibration | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    folder: Path | None = None

    @property
    def task(self) -> Task:
        """The table as methods see it."""
        return self.given.task

    @property
    def verdict(self) -> str:
        """`supports`, `weakly`, `does not`, or "" before it is known."""
        return "" if self.judged is None else self.judged.word

    @property
    def best_tried(self) -> float:
        """The best score of a tried design that lies in the space; of any if none does."""
        return float(self.task.as_given(self.task.y[self.best_place : self.best_place + 1])[0])

    @property
    def best_place(self) -> int:
        """Its place in the task."""
        inside = self.task.inside
        return int(np.where(inside, self.task.y, -np.inf).argmax() if inside.any() else self.task.y.argmax())

    def frame(self) -> DataFrame:
        """A row for each proposal: the design's cells, then what is known of it."""
        from pandas import DataFrame

        return DataFrame([_row(one) for one in self.proposals])

    def summary(self) -> dict[str, Any]:
        """The object that `--json` prints; the reasons for the columns are among its notes."""
        return {
            "verdict": self.verdict,
            "recipe": self.recipe,
            "asked": self.wishes.count,
            "space": [one.plain() for one in self.columns],
            "best_tried": self.best_tried,
            "proposals": [one.plain() for one in self.proposals],
            "backtest": {} if self.tested is None else self.tested.summary(),
            "notes": [*self.notes, *(f"{one.column}: {one.why}" for one in self.columns)],
            "seconds": round(self.seconds, 3),
            "folder": str(self.folder) if self.folder else None,
        }


def _row(one: Proposal) -> dict[str, Any]:
    own = {
        "predicted": one.predicted,
        "spread": one.spread,
        "lower": CANNOT_TELL if one.lower is None else one.lower,
        "distance": one.distance,
        "nearest_row": one.nearest_row,
        "gap": one.gap,
        "flag": one.flag,
        "tier": one.tier,
        "why": one.why,
        "changed": "; ".join(f"{name}: {before} -> {after}" for name, (before, after) in one.changed.items()),
        **({"success": one.success} if one.success is not None else {}),
        **({"keeps_limits": one.kept} if one.kept is not None else {}),
    }
    # A column of the table may be called like one of these.
    return {**one.design, **{name if name not in one.design else f"{name}_": value for name, value in own.items()}}
