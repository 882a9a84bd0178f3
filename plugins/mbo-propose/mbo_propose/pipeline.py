"""From a table to proposals."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.runs.store import Folder
from mbo_core.runs.watch import Report
from mbo_core.tasks.start import start_designs
from mbo_propose.audit import gaps
from mbo_propose.chances import Kept, Success, learned_limits, learned_success, together
from mbo_propose.choosing import choose
from mbo_propose.crossing import FOLDS, HeldOut, held_out, lower_bounds
from mbo_propose.flags import Facts, Known, flags
from mbo_propose.folder import store
from mbo_propose.given import Given, open_table
from mbo_propose.judging import advise, judge, recipe_of
from mbo_propose.models import Fitted, fit, judge_of, of_rows, planned, trained_on
from mbo_propose.pool import Pool, Tier, gather
from mbo_propose.reading import read
from mbo_propose.record import Proposal, Proposals
from mbo_propose.spaces import rows
from mbo_propose.spacing import Spacing
from mbo_propose.wishes import Wishes

if TYPE_CHECKING:
    from pandas import DataFrame

SEEDS = 3
"""Proxies whose predictions are averaged, if there is time."""
HELD_OUT = 0.3
"""The share of the budget for proxies that are trained on parts of the rows; as much is for the search."""
GOOD = 64
"""The best rows of the space, which are changed to find designs near them."""

Show = Callable[[str, Proposals], None]
"""Called with `space`, `verdict` and `proposals` as each is known."""


def propose(table: Any, *, target: str, out: str | Path | None = None, **wishes: Any) -> DataFrame:
    """A frame of proposals, best first; see `propose_from`, and `Wishes` for the options.

    >>> import numpy as np, pandas as pd
    >>> heat = 20 + np.random.default_rng(0).permutation(60)[:30]
    >>> tried = pd.DataFrame({"heat": heat, "yield": 90 - (heat - 63.0) ** 2 / 30})
    >>> list(propose(tried, target="yield", batch=2, recipe="ridge-evolution").columns)[:3]
    ['heat', 'predicted', 'spread']
    """
    return propose_from(table, Wishes(target=target, **wishes), None if out is None else Path(out)).frame()


def propose_from(
    table: Any, wishes: Wishes, out: Path | None = None, show: Show | None = None, report: Report | None = None
) -> Proposals:
    """Proposals with all that is known of them.

    Args:
        table: a DataFrame, a mapping of columns, or a file.
        wishes: what is asked for.
        out: the folder to store them in; nothing is stored without.
        show: called as results are known.
        report: called at each step of training and search.

    Raises:
        MboError: for a table or a wish that cannot be used.
    """
    return proposed(opened(table, wishes), out, show, report)


def proposed(made: Proposals, out: Path | None, show: Show | None = None, report: Report | None = None) -> Proposals:
    """The proposals for a table that was opened; see `propose_from`."""
    begun, tell = time.perf_counter(), show or (lambda *_: None)
    tell("space", made)
    judge(made, report)
    tell("verdict", made)
    made.folder = None if out is None else Folder.create(out).path
    _search(made, report)
    made.seconds += time.perf_counter() - begun
    if made.folder is not None:
        store(made)
    tell("proposals", made)
    return made


def searched(made: Proposals, count: int) -> Proposals:
    """So many proposals for a table that was judged."""
    found = replace(made, wishes=replace(made.wishes, batch=count, tiers=None), notes=list(made.notes))
    _search(found, None)
    return found


def opened(table: Any, wishes: Wishes) -> Proposals:
    """The table and its space, before any work."""
    begun = time.perf_counter()
    given = open_table(table, wishes)
    reasons = {**given.reasons, **dict.fromkeys(wishes.fix, "as asked, the same in every proposal")}
    made = Proposals(replace(wishes, target=given.task.target), given, rows(given.task.space, reasons))
    if wishes.start is not None:
        made.start = read(wishes.start).frame if isinstance(wishes.start, (str, os.PathLike)) else wishes.start
        given.notes.extend(start_designs(made.start, given.task).notes)
    made.notes += given.notes
    made.unit = given.unit
    planned(recipe_of(wishes.recipe), given.task, [0], made.start)
    made.seconds = time.perf_counter() - begun
    return made


@dataclass(frozen=True, eq=False)
class Search:
    """What proposals are chosen and judged by."""

    given: Given
    fitted: Fitted
    spacing: Spacing
    success: Success | None
    limits: list[Kept]

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


def _search(made: Proposals, report: Report | None) -> None:
    """Train the recipe, search with it, and choose."""
    given, wishes = made.given, made.wishes
    task = of_rows(given.task, trained_on(given.task, wishes.seed))
    if len(task.y) < len(given.task.y):
        made.notes.append(
            f"trained on {len(task.y):,} of {len(given.task.y):,} designs: the best and a random part of the others"
        )
    judging = judge_of(made.chosen, task)
    begun, time_for = time.perf_counter(), HELD_OUT * wishes.budget
    made.held_out = held_out(judging, task, seed=wishes.seed, seconds=time_for)
    folds = FOLDS * len(made.held_out.rows) / len(task.y)
    each = 2 * (time.perf_counter() - begun) / folds  # a search takes about as long as a training
    seeds = range(wishes.seed, wishes.seed + max(1, min(SEEDS, int(time_for / each))))
    fitted = fit(made.chosen, task, seeds, made.start, made.folder, report)
    made.trace = {seed: [dict(step) for step in trial.steps] for seed, trial in fitted.result.trials.items()}
    spacing = Spacing.of(given.task.space, given.tried, wishes.seed)
    made.spacing = (spacing.unit, spacing.reach)
    search = Search(
        given, fitted, spacing, learned_success(given, spacing, wishes.seed), learned_limits(given, wishes.seed)
    )
    made.notes += _success_note(search, wishes.target)
    pool = gather(given.tried, fitted.found, _good(given), spacing, search.score, wishes.seed)
    chosen = choose(pool, spacing, wishes.count, wishes.tiers)
    made.notes += _fewer(len(chosen), wishes, given)
    if len(chosen):
        made.x = pool.x[chosen]
        made.proposals = described(made, search, made.held_out, pool, chosen)
        advise(made)


def _good(given: Given) -> NDArray[Any]:
    """The best rows that lie in the space, or the rows nearest to it."""
    order = np.argsort(-given.task.y, kind="stable")
    inside = order[given.task.inside[order]][:GOOD]
    return given.task.x[inside] if len(inside) else given.task.space.repair(given.task.x[order[:GOOD]])


def described(made: Proposals, search: Search, known: HeldOut, pool: Pool, chosen: NDArray[np.int64]) -> list[Proposal]:
    """The chosen designs of a pool with what is known of each."""
    task, x, seed = made.task, pool.x[chosen], made.wishes.seed
    predicted, near = search.fitted.predict(x), search.spacing.nearest(x)
    gap, best = gaps(search.fitted, search.spacing, x, seed), made.best_place
    spread = known.total(predicted.std)
    lower = lower_bounds(known, predicted.mean, task.sign)
    success, kept = search.succeeding(x), search.kept(x)
    facts = Facts(x, near.distance, task.sign * predicted.mean, gap, success, kept)
    error, supports = known.error, made.verdict != "does not"
    marks, why = flags(facts, Known(task.space, made.given.tried, task.y, search.spacing.reach, error, supports))
    before = task.cells(task.x[best])
    made_of = []
    for row, design in enumerate(x):
        cells, mean = task.cells(design), float(predicted.mean[row])
        one = Proposal(
            design=cells,
            predicted=mean,
            spread=float(spread[row]),
            lower=None if marks[row] == "do not trust" else lower[row],
            distance=float(near.distance[row]),
            nearest_row=int(made.given.tried_rows[near.place[row]]),
            gap=float(gap[row]),
            flag=marks[row],
            tier=Tier(pool.tier[chosen[row]]).name.lower(),
            why=why[row],
            gain=task.sign * (mean - made.best_tried),
            changed={name: (before.get(name), cell) for name, cell in cells.items() if before.get(name) != cell},
            success=None if success is None else float(success[row]),
            kept=None if kept is None else float(kept[row]),
        )
        made_of.append(one)
    return made_of


def _success_note(search: Search, target: str) -> list[str]:
    failed = len(search.given.failed)
    if not failed:
        return []
    if search.success is None:
        return [f"designs without {target} do not lie together, so no chance of success was learned"]
    how = f"(area under the ROC curve {search.success.area:.2f})"
    return [f"designs without {target} lie together: the chance of success was learned {how}"]


def _fewer(found: int, wishes: Wishes, given: Given) -> list[str]:
    if found == wishes.count:
        return []
    size = given.task.space.size
    left = f"; the space has {size:,} designs before its constraints" if size is not None and size < 10_000 else ""
    tiers = " in these tiers" if wishes.tiers is not None else ""
    return [f"{found} of {wishes.count} designs could be proposed: no more new ones were found{tiers}{left}"]
