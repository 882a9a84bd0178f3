"""Charts as plotly's plain data; every text that is drawn is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mbo_bench.report.study import HEADLINE, Study
from mbo_bench.report.words import ends, number, spread
from mbo_bench.statistics.over_tasks import better_on_average, profile

FIRST = HEADLINE[0]
COLOURS = ("#3b82c4", "#d97706", "#159a6a", "#dc4a4a", "#8b5cf6", "#0891b2", "#b45309", "#64748b", "#be185d", "#4d7c0f")
MOST = 40
"""A matrix of more methods cannot be read."""


@dataclass(frozen=True)
class Chart:
    """A chart: its id, what it shows, plotly's traces, and its layout."""

    name: str
    label: str
    data: list[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Plain values for the page."""
        return {"name": self.name, "data": self.data, "layout": self.layout}


def charts(study: Study) -> list[Chart]:
    """All charts that have something to show."""
    made = [_means(study), _profiles(study), _matrix(study), _shares(study), _costs(study)]
    return [*(one for one in made if one is not None), *(_task(study, place) for place in range(len(study.tasks)))]


def _text(words: object) -> str:
    """Words as plotly draws them to the letter: it reads tags, and takes `%{` for a variable."""
    return html.escape(str(words), quote=False).replace("%{", "%&#123;")


def _number(value: float) -> float:
    return float(f"{value:.5g}")


def _axis(title: str, **others: Any) -> dict[str, Any]:
    return {"title": {"text": _text(title)}, "automargin": True, **others}


def _names(names: Iterable[str]) -> dict[str, Any]:
    shown = [_text(name) for name in names]
    return {"tickvals": list(range(len(shown))), "ticktext": shown, "automargin": True, "zeroline": False}


def _means(study: Study) -> Chart | None:
    """The interquartile means with their intervals, the best on top."""
    ones = [one for one in reversed(study.overall) if one.iqm[FIRST]]
    if not ones:
        return None
    traces = []
    for place, of in enumerate(HEADLINE):
        found = [(row, one.iqm[of]) for row, one in enumerate(ones)]
        there = [(row + 0.12 - 0.24 * place, one) for row, one in found if one]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": of,
                "x": [_number(one.value) for _, one in there],
                "y": [row for row, _ in there],
                "text": [_text(f"{ones[round(row)].method}, {of}: {ends(one)}") for row, one in there],
                "hoverinfo": "text",
                "marker": {"size": 9, "color": COLOURS[place]},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [_number(one.upper - one.value) for _, one in there],
                    "arrayminus": [_number(one.value - one.lower) for _, one in there],
                    "color": COLOURS[place],
                },
            }
        )
    layout = {"xaxis": _axis("interquartile mean, normalised"), "yaxis": _names(one.method for one in ones)}
    return Chart("means", "Interquartile means with intervals", traces, {**layout, "height": 130 + 34 * len(ones)})


def _profiles(study: Study) -> Chart | None:
    scores = study.scores[FIRST]
    if not scores.pool:
        return None
    there = scores.values[~np.isnan(scores.values)]
    levels = np.linspace(there.min(), there.max(), 101)
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": _text(name),
            "x": [_number(level) for level in levels],
            "y": [_number(share) for share in profile(scores, name, levels)],
            "line": {"color": COLOURS[place % len(COLOURS)], "dash": "solid" if place < len(COLOURS) else "dot"},
        }
        for place, name in enumerate(scores.pool)
    ]
    layout = {"xaxis": _axis(f"normalised score, {FIRST}"), "yaxis": _axis("share of runs above", range=[0, 1.02])}
    return Chart("profiles", "Performance profiles: the share of runs above each score", traces, layout)


def _matrix(study: Study) -> Chart | None:
    """The probability that the method of a row is better than that of a column."""
    pool = [one.method for one in study.overall if one.method in study.pool]
    if not 2 <= len(pool) <= MOST:
        return None
    scores = study.scores[FIRST]
    cells = [[None if one == two else better_on_average(scores, one, two) for two in pool] for one in pool]
    trace = {
        "type": "heatmap",
        "x": [_text(name) for name in pool],
        "y": [_text(name) for name in pool],
        "z": [[None if cell is None else _number(cell) for cell in row] for row in cells],
        "hovertemplate": "%{y} better than %{x}: %{z:.2f}<extra></extra>",
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "#dc4a4a"], [0.5, "#f1f5f9"], [1, "#159a6a"]],
    }
    layout = {"yaxis": {"autorange": "reversed", "automargin": True}, "xaxis": {"automargin": True}}
    return Chart(
        "matrix",
        "Probability that the row is better than the column",
        [trace],
        {**layout, "height": 180 + 26 * len(pool)},
    )


def _shares(study: Study) -> Chart | None:
    """The shares of variance of proxy and search on each task."""
    if FIRST not in study.shares:
        return None
    found = study.shares[FIRST]
    rows = {"all tasks": {name: one.value for name, one in found.of.items()}, **found.by_task}
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": _text(source),
            "x": [_number(row[source]) for row in rows.values()],
            "y": [_text(name) for name in rows],
            "marker": {"color": COLOURS[place]},
        }
        for place, source in enumerate(found.of)
    ]
    layout = {
        "barmode": "stack",
        "xaxis": _axis("share of variance", range=[0, 1]),
        "yaxis": {"automargin": True, "autorange": "reversed"},
    }
    return Chart("shares", "Share of variance of proxy and search", traces, {**layout, "height": 150 + 34 * len(rows)})


def _costs(study: Study) -> Chart | None:
    ones = [(one, one.iqm[FIRST]) for one in study.overall if one.iqm[FIRST] and one.seconds]
    there = [(one, mean) for one, mean in ones if mean]
    if not there:
        return None
    trace = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [_number(max(one.seconds or 0.0, 1e-3)) for one, _ in there],
        "y": [_number(mean.value) for _, mean in there],
        "text": [_text(one.method) for one, _ in there],
        "textposition": "top center",
        "hovertext": [_text(f"{one.method}: {ends(mean)}, {number(one.seconds, 2)} s a seed") for one, mean in there],
        "hoverinfo": "text",
        "marker": {"size": 9, "color": COLOURS[0]},
    }
    layout = {
        "xaxis": _axis("seconds a seed", type="log"),
        "yaxis": _axis(f"interquartile mean, {FIRST}"),
        "showlegend": False,
    }
    return Chart("costs", "Cost against score", [trace], layout)


def _task(study: Study, place: int) -> Chart:
    """Every seed of every method on a task."""
    task = study.tasks[place]
    rows = study.frame[study.frame["task"] == task]
    entries = {one.method: one for one in study.entries if one.task == task}
    order = sorted(entries, key=lambda name: entries[name].scores.get(f"normalised_{FIRST}", (-1e9, 0))[0])
    best = rows["best_in_data"].dropna()
    traces = [_seeds(rows, of, order, entries, colour) for of, colour in zip(HEADLINE, COLOURS, strict=False)]
    layout: dict[str, Any] = {
        "xaxis": _axis("normalised score"),
        "yaxis": _names(order),
        "height": 130 + 30 * len(order),
    }
    if len(best):
        at = _number(float(best.iloc[0]))
        layout["shapes"] = [
            {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "line": {"dash": "dot"}}
        ]
    return Chart(f"task-{place}", f"Scores of every seed on {task}; dotted: the best in the data", traces, layout)


def _seeds(rows: Any, of: str, order: list[str], entries: Any, colour: str) -> dict[str, Any]:
    there = rows[rows[f"normalised_{of}"].notna()]
    shift = 0.12 if of == FIRST else -0.12
    methods = list(there["method"])
    return {
        "type": "scatter",
        "mode": "markers",
        "name": of,
        "x": [_number(float(score)) for score in there[f"normalised_{of}"]],
        "y": [order.index(name) + shift for name in methods],
        "text": [
            _text(f"{name}, seed {seed}; mean {spread(entries[name].scores.get(f'normalised_{of}'))}")
            for name, seed in zip(methods, there["seed"], strict=True)
        ],
        "hoverinfo": "text",
        "marker": {"size": 7, "color": colour, "opacity": 0.65},
    }
