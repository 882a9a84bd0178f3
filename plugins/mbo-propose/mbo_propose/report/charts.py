"""Charts as plotly's plain data; every text that is drawn is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Trace = dict[str, Any]
DIGITS = 6
"""Significant digits of what is drawn."""

GREY, BLUE, ORANGE, GREEN, RED = "#8a949e", "#3b82c4", "#d97706", "#159a6a", "#dc4a4a"
"""Colours that can be told from a white and from a dark ground."""
MARKS = {"close": (GREEN, "circle"), "extrapolates": (ORANGE, "diamond"), "do not trust": (RED, "x")}
"""The colour and the symbol of each flag."""


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        name: its id in the page.
        label: what it shows, for people who cannot see it.
        traces: plotly's traces.
        layout: plotly's layout; colours of grounds, lines and texts are those of the style sheet.
    """

    name: str
    label: str
    traces: list[Trace]
    layout: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Plain values for the page."""
        return {"name": self.name, "data": self.traces, "layout": self.layout}


def text(words: object) -> str:
    """Words as plotly draws them to the letter: it reads tags, and takes `%{` for a variable."""
    return html.escape(str(words)).replace("%{", "%&#123;")


def number(value: Any) -> float | None:
    """A number in few digits; None where it is not finite, as JSON has no such number."""
    value = float(value)
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def numbers(values: Iterable[Any]) -> list[float | None]:
    """The same for many."""
    return [number(value) for value in values]


def points(name: str, x: Iterable[Any], y: Iterable[Any], hover: Sequence[str], **marker: Any) -> Trace:
    """Points with a text each; `hover` is escaped already."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(name),
        "x": numbers(x),
        "y": numbers(y),
        "text": list(hover),
        "hoverinfo": "text",
        "marker": marker,
    }


def line(name: str, x: Iterable[Any], y: Iterable[Any], colour: str = GREY, dash: str = "solid") -> Trace:
    """A line."""
    look = {"color": colour, "width": 1.5, "dash": dash}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": text(name),
        "x": numbers(x),
        "y": numbers(y),
        "line": look,
        "hoverinfo": "skip",
    }


def axis(title: str, **others: Any) -> dict[str, Any]:
    """An axis with a title."""
    return {"title": {"text": text(title), "standoff": 8}, "automargin": True, **others}
