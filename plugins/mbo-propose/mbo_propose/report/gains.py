"""Gain against distance, with the flags and with what the adversary leaves."""

from __future__ import annotations

from typing import Any

from mbo_propose.flags import FAR
from mbo_propose.record import Proposal, Proposals
from mbo_propose.report.charts import GREY, MARKS, Chart, Trace, axis, points, text
from mbo_propose.report.words import score, short


def gains(made: Proposals) -> tuple[Chart | None, str]:
    """The chart and its words; no chart without proposals."""
    if not made.proposals:
        return None, "There are no proposals."
    traces = [_falls(made.proposals)]
    for flag, (colour, symbol) in MARKS.items():
        ones = [(place, one) for place, one in enumerate(made.proposals, 1) if one.flag == flag]
        if ones:
            traces.append(_flagged(made, flag, ones, {"color": colour, "symbol": symbol, "size": 10}))
    reach = made.spacing[1]
    unit = f" ({made.unit})" if made.unit else ""
    layout: dict[str, Any] = {
        "xaxis": axis("distance to the nearest tried design, in spacings", rangemode="tozero"),
        "yaxis": axis(f"gain over the best tried{unit}"),
        "hovermode": "closest",
    }
    far = max(one.distance for one in made.proposals)
    layout["shapes"] = [_upright(at) for at in (reach, FAR * reach) if at <= 1.3 * max(far, reach)]
    return Chart("gains", "Gain of each proposal against its distance to the data", traces, layout), _words(reach)


def _words(reach: float) -> str:
    return (
        "Gains are predictions less the best tried score; above zero is better. The line below each point "
        "ends at what an adversary leaves that may move the design by half a spacing. A spacing is the typical "
        f"distance of a tried design to its nearest. The first dotted line is the reach ({short(reach, 3)} spacings): "
        "95 % of the tried designs have another within it. Beyond three times that, nothing is trusted."
    )


def _falls(ones: list[Proposal]) -> Trace:
    """A line from each gain down to what is left of it."""
    x: list[float | None] = []
    y: list[float | None] = []
    for one in ones:
        x += [one.distance, one.distance, None]
        y += [one.gain, one.gain - one.gap, None]
    look = {"color": GREY, "width": 1.5}
    shown = {"name": "less the adversary's gap", "hoverinfo": "skip"}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": look, **shown}


def _flagged(made: Proposals, flag: str, ones: list[tuple[int, Proposal]], marker: dict[str, Any]) -> Trace:
    hover = [
        text(f"proposal {place}: gain {score(made, one.gain)}, the adversary finds {score(made, one.gain - one.gap)}")
        + f"<br>{text(flag)}"
        + (f": {text(one.why)}" if one.why else "")
        for place, one in ones
    ]
    return points(flag, [one.distance for _, one in ones], [one.gain for _, one in ones], hover, **marker)


def _upright(at: float) -> dict[str, Any]:
    look = {"color": GREY, "width": 1, "dash": "dot"}
    return {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": look}
