"""The trained recipe with all that designs are chosen and judged by."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.runs.watch import Report
from mbo_propose.audit import gaps
from mbo_propose.chances import Kept, Success, learned_limits, learned_success, together
from mbo_propose.crossing import FOLDS, HeldOut, held_out
from mbo_propose.flags import Facts, Flag, Known, flags
from mbo_propose.given import Given
from mbo_propose.models import Fitted, fit, judge_of, of_rows, trained_on
from mbo_propose.record import Proposals
from mbo_propose.spacing import Spacing

SEEDS = 3
"""Proxies whose predictions are averaged, if there is time."""
HELD_OUT = 0.3
"""The share of the budget for proxies that are trained on parts of the rows; as much is for the search."""
GOOD = 64
"""The best rows of the space, which are changed to find designs near them."""


@dataclass(frozen=True, eq=False)
class Search:
    """What proposals are chosen and judged by.

    Attributes:
        given: the table.
        fitted: the recipe, trained on all rows.
        found: (n, length) the designs that searches found, also those that only help.
        held_out: predictions for rows by proxies that were not trained on them.
        spacing: distances.
        success: the chance to get a score, if it was learned.
        limits: the chances to keep the limits.
        seed: of the adversary's moves.
        supported: whether the verdict on the table is other than "does not".
    """

    given: Given
    fitted: Fitted
    found: NDArray[Any]
    held_out: HeldOut
    spacing: Spacing
    success: Success | None
    limits: list[Kept]
    seed: int
    supported: bool

    def score(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """What designs (n, length) are ranked by: the expected score, where what fails counts as the worst score.

        An unlikely design comes after all likely ones, the likelier first.
        """
        y = self.given.task.y
        found = self.given.task.sign * self.fitted.predict(x).mean
        width = 10 * float(np.ptp(y)) + float(np.ptp(found))
        for chance in (self.succeeding(x), self.kept(x)):
            if chance is not None:
                found = chance * found + (1 - chance) * y.min() - np.where(chance < 0.5, width, 0.0)
        return np.asarray(found)

    def succeeding(self, x: NDArray[Any]) -> NDArray[np.float64] | None:
        """The chance to get a score, or None."""
        return None if self.success is None else self.success.of(x)

    def kept(self, x: NDArray[Any]) -> NDArray[np.float64] | None:
        """The chance to keep all limits, or None."""
        return together([one.of(x) for one in self.limits])

    def facts(self, x: NDArray[Any]) -> Facts:
        """What the flags of designs (n, length) depend on."""
        gap = gaps(self.fitted, self.spacing, x, self.seed)
        return self._facts(x, gap)

    def flags(self, facts: Facts) -> tuple[list[Flag], list[str]]:
        """The flag of each design, and its reason."""
        task, reach = self.given.task, self.spacing.reach
        known = Known(task.space, self.given.tried, task.y, reach, self.held_out.error, self.supported)
        return flags(facts, known)

    def trusted(self, x: NDArray[Any], audited: bool = True) -> NDArray[np.bool_]:
        """Which designs (n, length) are not flagged `do not trust`; without the audit, as if it found nothing."""
        facts = self.facts(x) if audited else self._facts(x, np.zeros(len(x)))
        return np.array([flag != "do not trust" for flag in self.flags(facts)[0]], dtype=bool)

    def _facts(self, x: NDArray[Any], gap: NDArray[np.float64]) -> Facts:
        predicted = self.given.task.sign * self.fitted.predict(x).mean
        return Facts(x, self.spacing.nearest(x).distance, predicted, gap, self.succeeding(x), self.kept(x))


def prepared(made: Proposals, report: Report | None = None) -> Search:
    """Train the recipe on parts of the rows and on all, and search with it."""
    given, wishes = made.given, made.wishes
    task = of_rows(given.task, trained_on(given.task, wishes.seed))
    if len(task.y) < len(given.task.y):
        made.notes.append(
            f"trained on {len(task.y):,} of {len(given.task.y):,} designs: the best and a random part of the others"
        )
    judging = judge_of(made.chosen, task)
    begun, time_for = time.perf_counter(), HELD_OUT * wishes.budget
    known = made.held_out = held_out(judging, task, seed=wishes.seed, seconds=time_for)
    folds = FOLDS * len(known.rows) / len(task.y)
    each = 2 * (time.perf_counter() - begun) / folds  # a search takes about as long as a training
    seeds = range(wishes.seed, wishes.seed + max(1, min(SEEDS, int(time_for / each))))
    fitted = fit(made.chosen, task, seeds, made.start, made.folder, report)
    helped = [fit(one, task, seeds[:1], made.start).found for one in made.helping]
    found = np.concatenate([fitted.found, *helped])
    made.trace = {seed: [dict(step) for step in trial.steps] for seed, trial in fitted.result.trials.items()}
    spacing = Spacing.of(given.task.space, given.tried, wishes.seed)
    made.spacing = (spacing.unit, spacing.reach)
    success, limits = learned_success(given, spacing, wishes.seed), learned_limits(given, wishes.seed)
    return Search(given, fitted, found, known, spacing, success, limits, wishes.seed, made.verdict != "does not")


def good(given: Given) -> NDArray[Any]:
    """The best rows that lie in the space, or the rows nearest to it."""
    order = np.argsort(-given.task.y, kind="stable")
    inside = order[given.task.inside[order]][:GOOD]
    return given.task.x[inside] if len(inside) else given.task.space.repair(given.task.x[order[:GOOD]])
