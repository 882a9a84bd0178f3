"""From a table to proposals."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.runs.store import Folder
from mbo_core.runs.watch import Report
from mbo_propose.bounds import lower_bounds
from mbo_propose.choosing import choose, promising
from mbo_propose.folder import store
from mbo_propose.given import Given, open_table
from mbo_propose.judging import advise, judge, recipe_of
from mbo_propose.models import planned
from mbo_propose.pool import Pool, Tier, gather
from mbo_propose.reading import read
from mbo_propose.record import Proposal, Proposals
from mbo_propose.search import Search, good, prepared
from mbo_propose.spaces import rows
from mbo_propose.wishes import Wishes

if TYPE_CHECKING:
    from pandas import DataFrame

AUDITS = 3
"""How often designs that the adversary exposes are replaced by others."""

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
    wishes = replace(wishes, target=given.task.target)
    made = Proposals(wishes, given, rows(given.task.space, reasons, given.table.units))
    # A file of one column has no delimiter to find: the core reads it.
    in_dialect = isinstance(wishes.start, (str, os.PathLike)) and len(given.task.space.names) > 1
    made.start = read(wishes.start).frame if in_dialect else wishes.start
    start = planned(recipe_of(wishes.recipe), given.task, [0], made.start).start
    if start is not None:
        given.notes.extend([f"the search begins with {len(start.x)} start designs", *start.notes])
    made.notes += given.notes
    made.unit = given.unit
    made.seconds = time.perf_counter() - begun
    return made


def _search(made: Proposals, report: Report | None) -> None:
    """Train the recipe, search with it, and choose."""
    search, given, wishes = prepared(made, report), made.given, made.wishes
    made.notes += _success_note(search, wishes.target)
    pool = gather(given.tried, search.found, good(given), search.spacing, search.score, wishes.seed)
    chosen = _chosen(made, search, pool)
    made.notes += _fewer(len(chosen), wishes, given)
    if len(chosen):
        made.x = pool.x[chosen]
        made.proposals = described(made, search, pool, chosen)
        advise(made)


def _chosen(made: Proposals, search: Search, pool: Pool) -> NDArray[np.int64]:
    """The places of the proposals in the pool: as tiers say, or the most promising that can be trusted."""
    wishes, spacing = made.wishes, search.spacing
    if wishes.tiers is not None or made.verdict != "supports":
        return choose(pool, spacing, wishes.count, wishes.tiers)
    trusted = search.trusted(pool.x, audited=False)
    chosen = promising(pool, spacing, wishes.count, trusted)
    for _ in range(AUDITS):
        failed = chosen[trusted[chosen] & ~search.trusted(pool.x[chosen])]
        if not len(failed):
            break
        trusted[failed] = False
        chosen = promising(pool, spacing, wishes.count, trusted)
    return chosen


def described(made: Proposals, search: Search, pool: Pool, chosen: NDArray[np.int64]) -> list[Proposal]:
    """The chosen designs of a pool with what is known of each."""
    task, x = made.task, pool.x[chosen]
    predicted, near, best = search.fitted.predict(x), search.spacing.nearest(x), made.best_place
    spread, facts = search.held_out.total(predicted.std), search.facts(x)
    marks, why = search.flags(facts)
    bounds = lower_bounds(search.held_out, predicted.mean, task.sign)
    made.notes += [bounds.note] if bounds.note else []
    before = task.cells(task.x[best])
    made_of = []
    for row, design in enumerate(x):
        cells, mean = task.cells(design), float(predicted.mean[row])
        one = Proposal(
            design=cells,
            predicted=mean,
            spread=float(spread[row]),
            lower=None if marks[row] == "do not trust" else bounds.lower[row],
            distance=float(near.distance[row]),
            nearest_row=int(made.given.tried_rows[near.place[row]]),
            gap=float(facts.gap[row]),
            flag=marks[row],
            tier=Tier(pool.tier[chosen[row]]).name.lower(),
            why=why[row],
            gain=task.sign * (mean - made.best_tried),
            changed={name: (before.get(name), cell) for name, cell in cells.items() if before.get(name) != cell},
            success=None if facts.success is None else float(facts.success[row]),
            kept=None if facts.kept is None else float(facts.kept[row]),
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
