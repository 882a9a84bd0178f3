"""Predicted against observed scores, for rows that the proxies were not trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mbo_propose.models import trained_on
from mbo_propose.record import Proposals
from mbo_propose.report.charts import BLUE, GREY, ORANGE, Chart, Trace, axis, line, points, text
from mbo_propose.report.thinning import drawn
from mbo_propose.report.words import score, short, target

TOP = 0.2
"""The share of the rows that counts as the best."""


def quality(made: Proposals) -> tuple[Chart | None, str]:
    """The chart and its words; no chart without held-out predictions."""
    known = made.held_out
    if known is None or not len(known.rows):
        return None, "No rows were held out."
    observed, predicted = known.observed, known.predicted
    best = best_rows(made.task.sign * observed)
    rows = drawn(made.task.sign * observed)
    winner = int((made.task.sign * observed).argmax())
    traces = [_equal(np.concatenate([observed, predicted]))]
    traces.append(_points(made, "other rows", rows[~best[rows]], {"color": GREY, "size": 6, "opacity": 0.7}))
    traces.append(_points(made, "best fifth", rows[best[rows]], {"color": ORANGE, "size": 7, "symbol": "diamond"}))
    star = {"color": BLUE, "size": 14, "symbol": "star"}
    traces.append(_points(made, "best held-out row", np.array([winner]), star))
    layout = {"xaxis": axis(f"observed {target(made)}"), "yaxis": axis("predicted"), "hovermode": "closest"}
    return Chart("quality", "Predicted against observed scores of held-out rows", traces, layout), _words(made, best)


def best_rows(y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each row is among the best fifth, (n,), for scores (n,) of which larger ones are better."""
    best = np.zeros(len(y), dtype=bool)
    best[np.argsort(-y, kind="stable")[: max(1, round(TOP * len(y)))]] = True
    return best


def _equal(values: NDArray[np.float64]) -> Trace:
    ends = [float(values.min()), float(values.max())]
    return line("predicted = observed", ends, ends, GREY, "dash")


def _points(made: Proposals, name: str, rows: NDArray[np.int64], marker: dict[str, object]) -> Trace:
    known = made.held_out
    assert known is not None
    observed, predicted = known.observed[rows], known.predicted[rows]
    # Of a large table only some rows are trained on, and held out.
    places = made.given.rows[trained_on(made.task, made.wishes.seed)[known.rows[rows]]]
    hover = [
        text(f"row {place}: observed {score(made, seen)}, predicted {score(made, said)}")
        for place, seen, said in zip(places, observed, predicted, strict=True)
    ]
    return points(name, observed, predicted, hover, **marker)


def _words(made: Proposals, best: NDArray[np.bool_]) -> str:
    known, sign = made.held_out, made.task.sign
    assert known is not None
    found = best_rows(sign * known.predicted) & best
    error = np.sqrt(np.mean((known.predicted - known.observed)[best] ** 2))
    return (
        f"Each of {len(known.rows):,} rows is predicted by proxies that were trained on other rows. "
        f"The typical error is {score(made, known.error)}, and {score(made, float(error))} among the best fifth "
        f"by observed score. Of this fifth, {short(100 * float(found.sum() / best.sum()), 2)} % are in the "
        "best fifth by prediction; chance would give 20 %."
    )
