"""A backtest: the best designs of a table are hidden, and each recipe picks from what is hidden."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

import mbo_core as mbo
from mbo_core.errors import MboError, reason_of
from mbo_propose.backtest.candidates import DEFAULT, FOREST, Candidate, candidates
from mbo_propose.backtest.features import features, nearest
from mbo_propose.backtest.ranking import TooLate, predicted
from mbo_propose.backtest.record import NEAREST, RANDOM, REPEATS, Backtest, Picks
from mbo_propose.backtest.splits import TOP, Split, rows_of, some_rows, split

Progress = Callable[[str, int, int], None]
"""Called with what is trained, the trainings done, and their total."""

LEAST = 40
"""With fewer distinct designs nothing is tried: their best fifth has fewer than 8."""

MOST = 1000
"""Of more distinct designs so many are used, drawn at random."""

ENOUGH = 6
"""Repeats for which costly recipes are left out, if need be; a training that takes more of the time than that allows
for it alone is given up."""


FIRST = frozenset({DEFAULT, FOREST})
"""What is tried before all others, and for which costly ones make room."""


def backtest(
    task: mbo.Task,
    recipes: Sequence[Candidate] | None = None,
    *,
    batch: int = 16,
    repeats: int = 10,
    budget: float = 60.0,
    progress: Progress | None = None,
) -> Backtest:
    """Let recipes pick from hidden rows of a table.

    The best fifth of the distinct designs and a random half of the others are hidden (3/5 of them). Each recipe's proxy
    is trained on what is left, and picks the batch of hidden rows that it predicts best. Their true scores are compared
    with random picks, with those whose nearest visible row is best, and with a forest. All recipes see the same splits.

    It tells of designs like the rows of the table, and nothing of designs unlike any of them.

    Args:
        task: the table; it may have an oracle, which is not called.
        recipes: what to try, by default `candidates()`.
        batch: the most rows to pick; never more than a fifth of the hidden ones.
        repeats: draws of the hidden half, with a seed each.
        budget: seconds. It ends after a repeat for which the time did not suffice, and says so.
        progress: called before each training.
    """
    start = time.perf_counter()
    table = some_rows(task, MOST)
    tried = candidates() if recipes is None else tuple(recipes)
    found = _empty(table, tried, batch, repeats)
    found.cannot_tell = _too_little(table.y)
    if table.table.designs < task.table.designs:
        found.notes.append(f"used {MOST:,} of {task.table.designs:,} designs, drawn at random")
    if found.cannot_tell is None:
        _Course(table, found, start, budget, progress or (lambda *_: None)).go()
        found.cannot_tell = _nothing_found(found) or _noisy(task, table.y, found.batch)
    found.seconds = time.perf_counter() - start
    return found


def _empty(table: mbo.Task, tried: tuple[Candidate, ...], batch: int, repeats: int) -> Backtest:
    designs = len(table.y)
    visible = (designs - math.ceil(TOP * designs)) // 2
    hidden = designs - visible
    return Backtest(tried, designs, visible, hidden, max(1, min(batch, hidden // 5)), repeats)


def _too_little(y: NDArray[np.float64]) -> str | None:
    """Why no split of so many scores tells anything."""
    if len(y) < LEAST:
        return f"the table has {len(y)} distinct designs, and a backtest needs {LEAST}"
    top = math.ceil(TOP * len(y))
    edge = np.sort(y)[-top]
    if (y >= edge).sum() > 2 * top:
        return f"{(y == edge).sum()} designs have the same score, so that the best fifth is arbitrary"
    return None


def _nothing_found(found: Backtest) -> str | None:
    if not found.tried:
        why = next(iter(found.left_out.values()), "there was no time")
        return f"no recipe could be tried ({why})"
    if found.repeats < REPEATS <= found.asked:
        return f"{found.repeats} of its repeats fit into the time, and it needs {REPEATS}"
    if found.without_gain:
        return "no recipe picks better rows than chance does, beyond what repeats may differ"
    return None


def _noisy(task: mbo.Task, y: NDArray[np.float64], batch: int) -> str | None:
    """Whether replicates differ by more than half of what could be gained."""
    replicates = task.table.replicates
    possible = float(np.sort(y)[-batch:].mean() - y.mean())
    if replicates is None or replicates.pooled_std <= possible / 2:
        return None
    noise = f"replicates differ by {replicates.pooled_std:.3g} (standard deviation)"
    return f"{noise}, more than half of the {possible:.3g} between the best rows and the mean"


@dataclass
class _Course:
    """A backtest being carried out."""

    table: mbo.Task
    found: Backtest
    start: float
    budget: float
    progress: Progress
    costs: dict[str, float] = field(default_factory=dict)

    def go(self) -> None:
        """All repeats for which there is time."""
        for repeat in range(self.found.asked):
            if not self._open():
                break
            if not self._time_for(sum(self.costs.values())):
                self.found.notes.append(f"the time ended after {repeat} of {self.found.asked} repeats")
                break
            self._repeat(repeat)
            if repeat == 0:
                self._leave_out_costly()

    @property
    def left(self) -> float:
        return self.budget - (time.perf_counter() - self.start)

    def _time_for(self, seconds: float) -> bool:
        return seconds <= self.left

    def _repeat(self, repeat: int) -> None:
        parts = split(self.table.y, repeat)
        visible, asked = rows_of(self.table, parts.visible), self.table.x[parts.hidden]
        truth = self.table.y[parts.hidden]
        self._note(RANDOM, repeat, chance(truth, parts.top, self.found.batch))
        known = features(visible.table, visible.x)
        near = nearest(known, visible.y, features(visible.table, asked))
        self._note(NEAREST, repeat, picks(near, truth, parts.top, self.found.batch))
        for place, one in enumerate(self._open()):
            self.progress(one.name, repeat * len(self._open()) + place, self.found.asked * len(self._open()))
            self._try(one, repeat, visible, parts)

    def _open(self) -> list[Candidate]:
        """What is tried: the default and the forest first, so that time ends before others."""
        found = [one for one in self.found.candidates if one.name not in self.found.left_out]
        return sorted(found, key=lambda one: one.name not in FIRST)

    def _try(self, one: Candidate, repeat: int, visible: mbo.Task, parts: Split) -> None:
        if repeat == 0 and self.left <= 0:
            return self._leave_out(one.name, "the time ended before it", late=True)
        # Later its time is known, and a repeat that does not fit is not begun.
        share = self.left if one.name in FIRST else min(self.left, self.budget / ENOUGH)
        begun, most = time.perf_counter(), share if repeat == 0 else math.inf
        try:
            order = predicted(one, visible, self.table.x[parts.hidden], repeat, most)
        except TooLate:
            spent = time.perf_counter() - begun
            return self._leave_out(one.name, f"a training of {spent:.0f} s and more does not fit into the time", True)
        except MboError as error:
            return self._leave_out(one.name, error.message)
        except Exception as error:
            # Whatever a third party's stage raises, the others are tried.
            return self._leave_out(one.name, reason_of(error))
        if not np.isfinite(order).all():
            return self._leave_out(one.name, "its predictions are not finite")
        self.costs[one.name] = spent = time.perf_counter() - begun
        truth = self.table.y[parts.hidden]
        return self._note(one.name, repeat, picks(order, truth, parts.top, self.found.batch, spent))

    def _note(self, name: str, repeat: int, one: Picks) -> None:
        self.found.picks.setdefault(name, {})[repeat] = one

    def _leave_out(self, name: str, reason: str, late: bool = False) -> None:
        self.found.left_out[name] = reason
        self.found.late |= {name} if late else set()
        self.found.picks.pop(name, None)
        self.costs.pop(name, None)

    def _leave_out_costly(self) -> None:
        """Leave out the most costly recipes, if without them enough repeats fit into the time."""
        more = min(ENOUGH, self.found.asked) - 1
        while sum(self.costs.values()) * more > self.left and (spare := set(self.costs) - FIRST):
            name = max(spare, key=self.costs.__getitem__)
            reason = f"a training takes {self.costs[name]:.1f} s, and {more + 1} repeats do not fit into the time"
            self._leave_out(name, reason)


def picks(
    order: NDArray[np.float64], truth: NDArray[np.float64], top: NDArray[np.bool_], batch: int, seconds: float = 0.0
) -> Picks:
    """The batch of hidden rows with the largest predictions; equal ones as they come.

    Args:
        order: (n,) predictions for the hidden rows.
        truth: (n,) their scores.
        top: (n,) whether each is in the table's best fifth.
        batch: how many are picked.
        seconds: the time that it took.
    """
    chosen = np.argsort(-order, kind="stable")[:batch]
    gain = _gain(truth, batch)
    return Picks(gain(truth[chosen].mean()), gain(truth[chosen].max()), float(top[chosen].mean()), seconds)


def chance(truth: NDArray[np.float64], top: NDArray[np.bool_], batch: int) -> Picks:
    """What is expected of random picks; the arguments are those of `picks`."""
    count = np.arange(1, len(truth) + 1)
    # The best of the batch is the k-th smallest with the chance C(k - 1, batch - 1) / C(n, batch).
    logs = [math.lgamma(k) - math.lgamma(k - batch + 1) if k >= batch else -math.inf for k in count]
    weights = np.exp(np.array(logs) - max(logs))
    best = float((weights / weights.sum() * np.sort(truth)).sum())
    return Picks(0.0, _gain(truth, batch)(best), float(top.mean()))


def _gain(truth: NDArray[np.float64], batch: int) -> Callable[[float], float]:
    """From a score to the gain: 0 at the mean, 1 at the mean of the best batch."""
    mean, best = float(truth.mean()), float(np.sort(truth)[-batch:].mean())
    return lambda score: float((score - mean) / (best - mean)) if best > mean else 0.0
