"""The choice of the recipe and the verdict on the table."""

from __future__ import annotations

from mbo_core.runs.watch import Report
from mbo_propose.backtest import CANDIDATES, DEFAULT, backtest, choose, verdict
from mbo_propose.backtest.advice import advice
from mbo_propose.backtest.candidates import PROCESS
from mbo_propose.record import Proposals
from mbo_propose.weighing import weighed

BACKTEST = 0.25
"""The share of the budget for the backtest."""
WEIGHING = 0.15
"""The share for the weight of the default recipe's Gaussian process."""


def judge(made: Proposals, report: Report | None) -> None:
    """Fill in the backtest, the recipe and the verdict."""
    wishes, task = made.wishes, made.task
    if wishes.recipe == "auto":
        made.tested = backtest(task, batch=wishes.count, budget=BACKTEST * wishes.budget, progress=_told(report))
        choice = choose(made.tested)
        made.recipe, made.reasons, made.chosen = choice.recipe.name, list(choice.reasons), choice.recipe.recipe
    else:
        made.chosen = CANDIDATES[wishes.recipe].recipe if wishes.recipe in CANDIDATES else wishes.recipe
        made.recipe = str(getattr(wishes.recipe, "name", wishes.recipe))
        made.reasons = ["as asked; no other was tried"]
    if made.recipe == DEFAULT and isinstance(wishes.recipe, str):
        made.chosen, _, reason = weighed(task, WEIGHING * wishes.budget, wishes.seed)
        made.reasons.append(reason)
        made.helping = [CANDIDATES[PROCESS].recipe]
    made.judged = verdict(task, made.tested)
    made.helps = list(made.judged.helps)


def advise(made: Proposals) -> None:
    """What would help most, now that the predicted gain is known."""
    seen = None if made.judged is None else made.judged.evidence
    if made.proposals:
        gain = max(one.gain for one in made.proposals)
        made.helps = list(advice(made.task, None if seen is None else seen.error, gain))


def recipe_of(wishes_recipe: object) -> object:
    """The recipe that is checked before any work: the default for `auto`."""
    name = DEFAULT if wishes_recipe == "auto" else wishes_recipe
    return CANDIDATES[name].recipe if isinstance(name, str) and name in CANDIDATES else name


def _told(report: Report | None) -> Report | None:
    return None if report is None else lambda what, done, total: report("backtest", done, total)
