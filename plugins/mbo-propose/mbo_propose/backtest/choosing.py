"""Which recipe a backtest speaks for: the committee, unless another is clearly better."""

from __future__ import annotations

from dataclasses import dataclass

from mbo_propose.backtest.candidates import DEFAULT, FOREST, Candidate
from mbo_propose.backtest.record import REPEATS, Backtest
from mbo_propose.backtest.statistics import LEVEL, holm

WINS = 0.75
"""The share of the repeats in which another must beat the default."""


@dataclass(frozen=True)
class Choice:
    """A recipe with the reasons for it.

    Attributes:
        recipe: what was chosen.
        reasons: in plain words, a sentence each.
        switched: whether it is not the default.
    """

    recipe: Candidate
    reasons: tuple[str, ...]
    switched: bool = False


def choose(found: Backtest, default: str = DEFAULT) -> Choice:
    """The recipe that a backtest speaks for.

    It is the default unless another beats it clearly: by the corrected interval at 80 %, by Holm's rule for as many
    comparisons as were made, in three quarters of the repeats, and also beats the forest on average. Of several that
    do and cannot be told apart, it is the cheapest. A default that only lacked time to be tried is kept.

    Raises:
        ValueError: if the default is not among the candidates.
    """
    every = {one.name: one for one in found.candidates}
    if default not in every:
        raise ValueError(f"default {default} is not among {', '.join(every)}")
    if default in found.late:
        return Choice(every[default], (f"{default} is the default; {found.left_out[default]}",))
    if default not in found.picks and found.tried:
        best = max(found.tried, key=lambda name: found.gain(name).mean)
        why = f"{default} could not be tried: {found.left_out.get(default, 'it was not run')}"
        return Choice(every[best], (why, f"{best} had the largest gain of the others"), switched=True)
    if found.cannot_tell is not None or not found.tried:
        return Choice(every[default], (f"the backtest cannot tell: {found.cannot_tell}", f"{default} is the default"))
    better = _clearly_better(found, default)
    if not better:
        return Choice(every[default], _kept(found, default))
    chosen = _cheapest_of_best(found, better)
    return Choice(every[chosen], _switched(found, chosen, default), switched=True)


def _clearly_better(found: Backtest, default: str) -> list[str]:
    """The recipes that beat the default clearly, and the forest on average."""
    rivals = [name for name in found.tried if name != default]
    seen = [found.against(name, default) for name in rivals]
    certain = holm([one.p for one in seen], 1 - LEVEL)
    return [
        name
        for name, one, sure in zip(rivals, seen, certain, strict=True)
        if sure and one.lower > 0 and one.wins >= WINS and one.repeats >= REPEATS and _beats_forest(found, name)
    ]


def _beats_forest(found: Backtest, name: str) -> bool:
    return name == FOREST or FOREST not in found.picks or found.against(name, FOREST).mean > 0


def _cheapest_of_best(found: Backtest, names: list[str]) -> str:
    best = max(names, key=lambda name: found.gain(name).mean)
    alike = [name for name in names if name == best or found.against(best, name).lower <= 0]
    return min(alike, key=found.seconds_of)


def _kept(found: Backtest, default: str) -> tuple[str, ...]:
    others = [name for name in found.tried if name != default]
    reasons = [
        f"{default} reached {_percent(found, default)} of the possible gain in {found.gain(default).repeats} repeats"
    ]
    if others:
        best = max(others, key=lambda name: found.gain(name).mean)
        reasons.append(
            f"no other of {1 + len(others)} is clearly better; the best of them, {best}: {_percent(found, best)}"
        )
    if FOREST in others and found.against(FOREST, default).lower > 0:
        reasons.append(f"a forest does better ({_percent(found, FOREST)}), though not beyond doubt")
    return tuple(reasons)


def _switched(found: Backtest, chosen: str, default: str) -> tuple[str, ...]:
    one = found.against(chosen, default)
    return (
        f"{chosen} reached {_percent(found, chosen)} of the possible gain, {default} {_percent(found, default)}",
        f"it was better in {one.wins:.0%} of {one.repeats} repeats; the difference is {one.lower:.0%} and more",
        f"{len(found.tried)} recipes were tried, and the rule allows for that",
    )


def _percent(found: Backtest, name: str) -> str:
    return f"{found.gain(name).mean:.0%}"
