"""Whether a table supports an improvement, by a written rule."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import mbo_core as mbo
from mbo_propose.backtest.advice import advice
from mbo_propose.backtest.features import features
from mbo_propose.backtest.held_out import best_found, held_out, left_out_neighbour, rank_correlation
from mbo_propose.backtest.record import Backtest
from mbo_propose.backtest.running import MOST
from mbo_propose.backtest.splits import TOP, some_rows

Word = Literal["supports", "weakly", "does not"]
Values = NDArray[np.float64]

SHUFFLES = 199
CERTAIN = 0.01
"""At most this share of the shuffled targets does as well, where a table supports an improvement."""
LIKELY = 0.05
"""The share above which it does not."""
RANK = 0.3
"""The least rank correlation of a table that supports an improvement."""

SENTENCES = {
    "supports": "the table supports an improvement",
    "weakly": "the table weakly supports an improvement",
    "does not": "the table does not support an improvement",
}


@dataclass(frozen=True)
class Evidence:
    """How well rows are predicted from all others. Errors are in the target's unit.

    Attributes:
        rows: distinct designs that were used.
        error: the root mean squared error.
        error_of_mean: that of the mean of all rows.
        error_of_nearest: that of the nearest other row.
        rank: the rank correlation of predictions and scores.
        rank_p: the share of shuffled targets with such a rank correlation or a larger one.
        best_rows: how many rows are the best fifth.
        best_found: the share of the best fifth that is in the best fifth by prediction; a fifth by chance.
        best_found_p: the share of shuffled targets with as much or more.
        best_rank: the rank correlation among the best fifth.
        best_error: the error among them.
        shuffles: the number of shuffled targets.
    """

    rows: int
    error: float
    error_of_mean: float
    error_of_nearest: float
    rank: float
    rank_p: float
    best_rows: int
    best_found: float
    best_found_p: float
    best_rank: float
    best_error: float
    shuffles: int


@dataclass(frozen=True)
class Verdict:
    """What a table supports.

    Attributes:
        word: `supports`, `weakly` or `does not`.
        reasons: why, a sentence each, with the numbers.
        helps: what would help most, a sentence each.
        evidence: the numbers; None if all scores or all designs are the same.
        seconds: the wall time.
    """

    word: Word
    reasons: tuple[str, ...]
    helps: tuple[str, ...]
    evidence: Evidence | None
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return SENTENCES[self.word]

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def verdict(
    task: mbo.Task, backtest: Backtest | None = None, predicted_gain: float | None = None, shuffles: int = SHUFFLES
) -> Verdict:
    """Whether the rows of a table predict each other, above all its best ones.

    Each row is predicted from all others by a regression that is chosen for the target (`held_out`), and the same is
    done for shuffled targets. The rule:

    * `does not`: more than 5 % of the shuffled targets have as large a rank correlation, or the error is not below that
      of the mean.
    * `supports`: at most 1 % of the shuffled targets have as large a rank correlation, which is at least 0.3; the error
      is below that of the nearest row; at most 5 % of them find as much of the best fifth of the rows; and the
      backtest, if there is one, finds a recipe that picks better rows than chance.
    * `weakly`: all else.

    Args:
        task: the table.
        backtest: what recipes picked from its hidden rows, if that was tried.
        predicted_gain: of the proposals over the best tried design, in the target's unit, if there are any.
        shuffles: the number of shuffled targets.
    """
    start = time.perf_counter()
    table = some_rows(task, MOST)
    seen = evidence(features(table.table, table.x), table.y, shuffles)
    word, reasons = ruled(seen, backtest)
    helps = advice(task, None if seen is None else seen.error, predicted_gain)
    return Verdict(word, reasons, helps, seen, time.perf_counter() - start)


def evidence(x: Values, y: Values, shuffles: int = SHUFFLES) -> Evidence | None:
    """The evidence of designs (n, d) and scores (n,); None where either does not vary."""
    if len(y) < 3 or y.std() == 0 or not (x.std(0) > 0).any():
        return None
    rng = np.random.default_rng(0)
    targets = np.stack([y, *(rng.permutation(y) for _ in range(shuffles))], axis=1)
    found = held_out(x, targets)
    top = max(1, round(TOP * len(y)))
    ranks, shares = rank_correlation(found.predicted, targets), best_found(found.predicted, targets, top)
    best, mine = np.argsort(-y, kind="stable")[:top], found.predicted[:, 0]
    return Evidence(
        rows=len(y),
        error=float(found.error[0]),
        error_of_mean=float(y.std() * len(y) / (len(y) - 1)),
        error_of_nearest=_root_mean_square(left_out_neighbour(x, y) - y),
        rank=float(ranks[0]),
        rank_p=_p(ranks),
        best_rows=top,
        best_found=float(shares[0]),
        best_found_p=_p(shares),
        best_rank=float(rank_correlation(mine[best, None], y[best, None])[0]),
        best_error=_root_mean_square(mine[best] - y[best]),
        shuffles=shuffles,
    )


def _p(values: Values) -> float:
    """The share of all values that are at least the first, which counts."""
    return float((values >= values[0] - 1e-12).mean())


def _root_mean_square(values: Values) -> float:
    return float(np.sqrt((values**2).mean()))


def ruled(seen: Evidence | None, backtest: Backtest | None = None) -> tuple[Word, tuple[str, ...]]:
    """The verdict by the rule, and its reasons."""
    if seen is None:
        return "does not", ("all scores or all designs are the same",)
    against = _fatal(seen)
    if against:
        return "does not", tuple(against)
    doubts = _doubts(seen, backtest)
    return ("weakly" if doubts else "supports"), (*_for(seen), *doubts)


def _fatal(seen: Evidence) -> list[str]:
    reasons = []
    if seen.rank_p > LIKELY:
        reasons.append(
            f"rows predict each other no better than with a shuffled target: rank correlation {seen.rank:.2f}, which"
            f" {seen.rank_p:.0%} of {seen.shuffles} shuffled targets reach"
        )
    if seen.error >= seen.error_of_mean:
        reasons.append(
            f"the error of predictions, {seen.error:.3g}, is not below that of the mean, {seen.error_of_mean:.3g}"
        )
    return reasons


def _for(seen: Evidence) -> list[str]:
    return [
        f"each row predicted from the others: rank correlation {seen.rank:.2f}, which {seen.rank_p:.1%} of shuffled"
        f" targets reach; error {seen.error:.3g} (guessing the mean {seen.error_of_mean:.3g}, the nearest row"
        f" {seen.error_of_nearest:.3g})",
        f"of the {seen.best_rows} best rows {seen.best_found:.0%} are found (by chance {TOP:.0%}); among them the rank"
        f" correlation is {seen.best_rank:.2f}",
    ]


def _doubts(seen: Evidence, backtest: Backtest | None) -> list[str]:
    found = []
    if seen.rank_p > CERTAIN:
        found.append(f"{seen.rank_p:.1%} of the shuffled targets do as well, more than {CERTAIN:.0%}")
    if seen.rank < RANK:
        found.append(f"the rank correlation is below {RANK}")
    if seen.error >= seen.error_of_nearest:
        found.append("the nearest row predicts as well")
    if seen.best_found_p > LIKELY:
        found.append("the best rows are not found more often than with a shuffled target")
    if backtest is not None and backtest.without_gain:
        found.append("in the backtest no recipe picks better rows than chance does")
    return found
