"""Proposals among the tried designs, a chart for each of the columns that matter most."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.tasks.columns import Category, Column, Sequence
from mbo_core.tasks.fixed import Fixed
from mbo_propose.record import Proposals
from mbo_propose.report.charts import GREY, MARKS, Chart, Trace, axis, points, text
from mbo_propose.report.importance import HOW, ROWS, importance
from mbo_propose.report.thinning import drawn, sentence
from mbo_propose.report.words import cell, plural, score, target

CHARTS = 6
LEVELS = 12
"""Levels of a category that are drawn each by itself."""
JITTER = 0.28

Values = NDArray[np.float64]


def among(made: Proposals) -> tuple[list[Chart], str]:
    """The charts and their words."""
    free = [column for column in made.task.space.columns if not isinstance(column, Fixed)]
    if not free:
        return [], "Every column is fixed."
    order = list(importance(made.task, drawn(made.task.y, ROWS))) if len(free) > 1 else [free[0].name]
    columns = {column.name: column for column in free}
    shown = [columns[name] for name in order[:CHARTS]]
    return [_chart(made, column, place) for place, column in enumerate(shown)], _words(made, len(shown), len(free))


def _words(made: Proposals, shown: int, total: int) -> str:
    parts = ["Tried designs at their scores, proposals at their predictions with the spread."]
    if total > shown:
        parts.append(f"{shown} of {plural(total, 'column')} are drawn.")
    if total > 1:
        parts.append(f"The column that matters most comes first. {HOW}")
    return " ".join([*parts, sentence(len(made.task.y))]).strip()


def _chart(made: Proposals, column: Column, place: int) -> Chart:
    rows = drawn(made.task.y)
    tried, proposed, look = _places(made, column, made.task.x[rows])
    observed = made.task.as_given(made.task.y[rows])
    hover = [text(f"row {row}: {score(made, seen)}") for row, seen in zip(made.given.rows[rows], observed, strict=True)]
    traces = [points("tried", tried, observed, hover, color=GREY, size=5, opacity=0.6)]
    traces += _proposed(made, column, proposed)
    layout = {"xaxis": look, "yaxis": axis(target(made)), "hovermode": "closest", "showlegend": False}
    return Chart(f"among-{place}", f"Tried designs and proposals by {column.name}", traces, layout)


def _proposed(made: Proposals, column: Column, x: Values) -> list[Trace]:
    traces = []
    for flag, (colour, symbol) in MARKS.items():
        mine = [row for row, one in enumerate(made.proposals) if one.flag == flag]
        if mine:
            ones = [made.proposals[row] for row in mine]
            hover = [
                text(f"proposal {row + 1}: {column.name} {cell(one.design.get(column.name, ''))}, ")
                + text(f"predicted {score(made, one.predicted)}, {flag}")
                for row, one in zip(mine, ones, strict=True)
            ]
            trace = points(flag, x[mine], [one.predicted for one in ones], hover, color=colour, symbol=symbol, size=9)
            spread = [one.spread if np.isfinite(one.spread) else 0.0 for one in ones]
            trace["error_y"] = {"type": "data", "array": spread, "color": colour, "thickness": 1, "width": 2}
            traces.append(trace)
    return traces


def _places(made: Proposals, column: Column, tried: NDArray[Any]) -> tuple[Values, Values, dict[str, Any]]:
    """Where tried designs and proposals stand on the axis of a column, and the axis."""
    place = made.task.space.place(column.name)
    proposed = made.x if len(made.x) else made.task.x[:0]
    mine, theirs = proposed[:, place], tried[:, place]
    if isinstance(column, Category):
        return _levels(column, theirs[:, 0].astype(int), mine[:, 0].astype(int))
    if isinstance(column, Sequence):
        best = made.task.x[made.best_place, place]
        far = axis(f"{column.name}: places that differ from the best tried design", rangemode="tozero")
        return (theirs != best).sum(1).astype(float), (mine != best).sum(1).astype(float), far
    log = bool(getattr(column, "log", False)) and min([*theirs[:, 0], *mine[:, 0]], default=0) > 0
    look = axis(column.name, **({"type": "log"} if log else {}))
    return theirs[:, 0].astype(float), mine[:, 0].astype(float), look


def _levels(column: Category, tried: NDArray[Any], mine: NDArray[Any]) -> tuple[Values, Values, dict[str, Any]]:
    """Levels side by side, points spread in each; those that are neither proposed nor frequent share a place."""
    counts = np.bincount(np.concatenate([tried, mine]), minlength=len(column.known)).astype(float)
    counts[np.unique(mine)] += len(tried) + len(mine)
    own = [code for code in np.argsort(-counts, kind="stable") if counts[code] > 0]
    kept = sorted(own[:LEVELS])
    where = np.full(len(column.known), float(len(kept)))
    where[kept] = np.arange(len(kept))
    names = [_brief(str(column.known[code])) for code in kept]
    names += [f"{len(own) - len(kept)} others"] if len(own) > len(kept) else []
    rng = np.random.default_rng(0)
    ends = [-0.6, len(names) - 0.4]
    look = axis(column.name, tickvals=list(range(len(names))), ticktext=[text(one) for one in names], range=ends)
    # Two proposals with the same level and prediction must not hide each other.
    return (
        where[tried] + rng.uniform(-JITTER, JITTER, len(tried)),
        where[mine] + rng.uniform(-JITTER, JITTER, len(mine)),
        {**look, "showgrid": False, "zeroline": False},
    )


def _brief(level: str) -> str:
    return level if len(level) <= 16 else f"{level[:15]}…"
