"""The search's trace: what each seed's search reported at each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from mbo_propose.record import Proposals
from mbo_propose.report.charts import BLUE, GREEN, ORANGE, Chart, Trace, axis, line

PREFERRED = ("best", "median", "mean", "score", "predicted", "objective")
STEPS = 400
"""Steps that are drawn of each seed."""
COLOURS = (BLUE, ORANGE, GREEN)

Steps = list[dict[str, Any]]


def search_trace(made: Proposals) -> tuple[Chart | None, str]:
    """The chart and its words; no chart where no search reported numbers."""
    seeds = {seed: [one for one in steps if one.get("phase") == "search"] for seed, steps in made.trace.items()}
    names = _shown(seeds)
    if not names:
        return None, "The search reported no numbers."
    if all(len(steps) < 2 for steps in seeds.values()):
        return None, "The search took a single step."
    traces = [
        _line(name, seed, seeds[seed], COLOURS[place % len(COLOURS)], row)
        for row, name in enumerate(names)
        for place, seed in enumerate(seeds)
    ]
    layout = {"xaxis": axis("step of the search"), "yaxis": axis(" and ".join(names)), "hovermode": "closest"}
    words = (
        "What the search reported, on the scale that the proxy is trained on, where larger is better; "
        "a line for each seed. A search that still rises at its end might find more with more steps, "
        "but it also leaves the data: see the distances."
    )
    return Chart("trace", "The search's trace", traces, layout), words


def _shown(seeds: dict[int, Steps]) -> list[str]:
    """One or two numbers that searches report."""
    there = {name for steps in seeds.values() for one in steps[:1] for name, value in one.items() if _number(value)}
    there -= {"step", "phase"}
    return ([name for name in PREFERRED if name in there] or sorted(there))[:2]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _line(name: str, seed: int, steps: Steps, colour: str, row: int) -> Trace:
    places = np.unique(np.linspace(0, max(0, len(steps) - 1), min(STEPS, len(steps))).astype(int))
    ones = [steps[place] for place in places if _number(steps[place].get(name))]
    dash = "solid" if row == 0 else "dot"
    made = line(f"{name}, seed {seed}", [one.get("step", 0) for one in ones], [one[name] for one in ones], colour, dash)
    return {**made, "hoverinfo": "x+y+name"}
