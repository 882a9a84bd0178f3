"""What each recipe did in the backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mbo_propose.record import Proposals
from mbo_propose.report.charts import BLUE, GREY, Chart, axis, numbers, text
from mbo_propose.report.words import plural, short

if TYPE_CHECKING:
    from mbo_propose.backtest import Backtest
    from mbo_propose.backtest.statistics import Interval

EMPTY = "No backtest was made, so nothing is known of what other recipes would have found."


def backtests(made: Proposals) -> tuple[Chart | None, list[str]]:
    """The chart and its words, a sentence each."""
    found = made.tested
    if found is None:
        return None, [EMPTY]
    if not found.picks:
        return None, [f"{EMPTY[:-1]}: {found.cannot_tell}." if found.cannot_tell else EMPTY, *_notes(found)]
    known = {name: found.gain(name) for name in found.picks}
    order = sorted(known, key=lambda name: known[name].mean)
    return _chart(found, order, known, made.recipe), [_words(found), *_notes(found)]


def _chart(found: Backtest, order: list[str], known: dict[str, Interval], chosen: str) -> Chart:
    ones = [known[name] for name in order]
    # After one repeat nothing is known of the interval: its ends are infinite, and no bar is drawn.
    up, down = numbers(one.upper - one.mean for one in ones), numbers(one.mean - one.lower for one in ones)
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": numbers(one.mean for one in ones),
        "y": list(range(len(order))),
        "text": [_hover(found, name, known[name]) for name in order],
        "hoverinfo": "text",
        "marker": {"size": 10, "color": [BLUE if name == chosen else GREY for name in order]},
        "error_x": {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": GREY, "width": 4},
    }
    names = [text(f"{name} (chosen)" if name == chosen else name) for name in order]
    layout = {
        "xaxis": axis("gain (0: random, 1: best possible)"),
        "yaxis": {"tickvals": list(range(len(order))), "ticktext": names, "automargin": True, "zeroline": False},
        "showlegend": False,
        "hovermode": "closest",
        "height": 90 + 30 * len(order),
    }
    return Chart("backtest", "Gain of each recipe on hidden rows of the table", [trace], layout)


def _hover(found: Backtest, name: str, one: Interval) -> str:
    share = float(np.mean([picks.share for picks in found.picks[name].values()]))
    ends = f"{short(one.lower, 2)} to {short(one.upper, 2)}" if np.isfinite(one.upper) else "one repeat"
    return text(f"{name}: gain {short(one.mean, 2)} ({ends}), {100 * share:.0f} % of its picks in the best fifth")


def _words(found: Backtest) -> str:
    how = (
        "The best fifth of the designs and a random half of the others were hidden; each recipe picked from the "
        "hidden designs, and their true scores were compared with random picks. Bars are 80 % intervals. "
        f"{plural(found.designs, 'design')}, {found.hidden:,} of them hidden, {found.batch} picked, "
        f"{plural(found.asked, 'repeat')} asked for."
    )
    return how + (f" It cannot tell recipes apart: {found.cannot_tell}." if found.cannot_tell else "")


def _notes(found: Backtest) -> list[str]:
    left = "; ".join(f"{name} ({reason})" for name, reason in found.left_out.items())
    return [*([f"Left out: {left}."] if left else []), *found.notes]
