"""The verdict on the table and the choice of the recipe."""

from __future__ import annotations

from mbo_core.runs.watch import Report
from mbo_propose.models import DEFAULT
from mbo_propose.record import Proposals


def judge(made: Proposals, report: Report | None) -> None:
    """Fill in the verdict, the backtest and the recipe."""
    made.verdict = "weakly"
    made.recipe = DEFAULT if made.wishes.recipe == "auto" else made.wishes.recipe
