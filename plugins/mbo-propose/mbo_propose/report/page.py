"""The page from its parts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mbo_propose.record import Proposals
from mbo_propose.report.among import among
from mbo_propose.report.backtests import backtests
from mbo_propose.report.charts import MARKS, Chart
from mbo_propose.report.gains import gains
from mbo_propose.report.quality import quality
from mbo_propose.report.table import table
from mbo_propose.report.thinning import sentence
from mbo_propose.report.traces import search_trace
from mbo_propose.report.words import VERDICTS, plural, score

TEMPLATES = Path(__file__).parent / "templates"


def write_report(made: Proposals, path: str | os.PathLike[str]) -> None:
    """Write the report of a batch: one HTML file without links to anything else.

    Args:
        made: the proposals with all that is known of them.
        path: the file; it is written under a temporary name and renamed.
    """
    from mbo_core.runs.store import write

    write(Path(path), page(made))


def page(made: Proposals) -> str:
    """The text of the page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    files = FileSystemLoader(TEMPLATES)
    kept = {"autoescape": True, "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    rooms: Any = Environment(loader=files, **kept)  # type: ignore[arg-type]
    raw = {
        name: Markup((TEMPLATES / file).read_text(encoding="utf-8"))
        for name, file in (("style", "report.css"), ("script", "report.js"))
    }
    return str(rooms.get_template("report.html").render(**raw, plotly=Markup(get_plotlyjs()), **content(made)))


def content(made: Proposals) -> dict[str, Any]:
    """All that the page shows, as plain values and charts."""
    held, held_words = quality(made)
    near, near_words = among(made)
    gain, gain_words = gains(made)
    tried, tried_words = backtests(made)
    trace, trace_words = search_trace(made)
    charts = [one for one in (held, *near, gain, tried, trace) if one is not None]
    total = 0 if made.held_out is None else len(made.held_out.rows)
    return {
        "target": made.wishes.target,
        "source": made.task.name,
        "facts": facts(made),
        "verdict": made.verdict,
        "sentence": VERDICTS.get(made.verdict, "The table was not judged."),
        "reasons": () if made.judged is None else made.judged.reasons,
        "helps": made.helps,
        "recipe_reasons": made.reasons,
        "table": table(made),
        "flags": _flags(made),
        "quality": (held, [held_words, sentence(total)]),
        "among": (near, [near_words]),
        "gains": (gain, [gain_words]),
        "backtest": (tried, tried_words),
        "trace": (trace, [trace_words]),
        "columns": [one.cells() for one in made.columns],
        "notes": made.notes,
        "last": None if made.calibration is None else made.calibration.sentence,
        "charts": [one.plain() for one in charts],
    }


def facts(made: Proposals) -> list[tuple[str, str]]:
    """What stands at the top, as titles and texts."""
    way = "smaller is better" if made.task.sign < 0 else "larger is better"
    best = max((one for one in made.proposals), key=lambda one: one.gain, default=None)
    return [
        ("proposals", f"{len(made.proposals)} of {made.wishes.count} asked for"),
        ("best tried", f"{score(made, made.best_tried)} (row {made.given.rows[made.best_place]})"),
        ("best predicted", "none" if best is None else score(made, best.predicted)),
        ("target", way),
        ("table", plural(len(made.task.y), "design")),
        ("recipe", made.recipe or "none"),
    ]


def _flags(made: Proposals) -> list[tuple[str, int]]:
    found = [(flag, sum(one.flag == flag for one in made.proposals)) for flag in MARKS]
    return [(flag, count) for flag, count in found if count]


__all__ = ["Chart", "content", "page", "write_report"]
