"""The report as one HTML page that asks for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mbo_bench.report.charts import charts
from mbo_bench.report.study import STATES, Study, counts
from mbo_bench.report.tables import Rows, on_task, overall, problems
from mbo_bench.report.words import HOW, pool, share_lines

TEMPLATES = Path(__file__).parent / "templates"


def page(study: Study) -> str:
    """The text of the page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    kept: Any = {"autoescape": True, "undefined": StrictUndefined, "trim_blocks": True}
    rooms = Environment(loader=FileSystemLoader(TEMPLATES), **kept)
    raw = {name: Markup((TEMPLATES / f"page.{name}").read_text(encoding="utf-8")) for name in ("css", "js")}
    return rooms.get_template("page.html").render(**raw, plotly=Markup(get_plotlyjs()), **content(study))


def content(study: Study) -> dict[str, Any]:
    """All that the page shows, as plain values."""
    made = charts(study)
    states = counts(study.frame)
    return {
        "how": HOW,
        "facts": [("methods", len(study.methods)), ("tasks", len(study.tasks)), *_facts(states)],
        "overall": _table(overall(study)),
        "pool": pool(study),
        "shares": share_lines(study),
        "by_task": _table(_all_tasks(study)),
        "problems": problems(study),
        "published": _published(study),
        "labels": [(one.name, one.label) for one in made],
        "charts": [one.plain() for one in made],
    }


def _facts(states: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(f"seeds {name}", states[name]) for name in STATES]


def _all_tasks(study: Study) -> Rows:
    rows = {task: on_task(study, task) for task in study.tasks}
    heading = next(iter(rows.values()), [[]])[0]
    return [["task", *heading], *([task, *row] for task, found in rows.items() for row in found[1:])]


def _table(rows: Rows) -> dict[str, Any]:
    heading, *body = rows
    cells = [[_cell(cell) for cell in row] for row in body]
    numeric = [all(row[place]["number"] for row in cells) for place in range(len(heading))]
    return {"heading": list(zip(heading, numeric, strict=True)), "rows": cells}


def _cell(cell: str) -> dict[str, Any]:
    """What is shown, and what it is sorted by: its first number, nothing for a dash, else the text."""
    text = cell.replace("**", "")
    try:
        key, number = "" if text == "-" else repr(float(text.split(" ")[0])), True
    except ValueError:
        key, number = text, False
    return {"text": text, "bold": cell.startswith("**"), "key": key, "number": number}


def _published(study: Study) -> list[dict[str, str]]:
    """Every published score of a method and task of the report, with its source."""
    return [
        {
            "method": one.method,
            "task": one.task,
            "percentile": figure.percentile,
            "score": figure.text,
            "seeds": str(figure.seeds or "-"),
            "source": figure.source + (" (re-run by others)" if figure.rerun else ""),
            "comparable": figure.not_comparable or "yes",
        }
        for one in study.entries
        for figure in one.published
    ]
