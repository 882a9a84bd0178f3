"""The report as Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import re

from mbo_bench.report.study import HEADLINE, Entry, Overall, Study
from mbo_bench.report.words import HOW, ends, number, pool, published, share_lines, spread, state
from mbo_core.runs.store import to_json
from mbo_core.text import held

Rows = list[list[str]]
"""The cells of a table, its heading first; `**cell**` is bold."""


def overall(study: Study) -> Rows:
    """The methods over all tasks."""
    heading = ["method", *(f"IQM {of}" for of in HEADLINE), *(f"mean rank {of}" for of in HEADLINE)]
    heading += [f"P(better than {study.reference}) {of}" for of in HEADLINE]
    return [[*heading, "seeds", "s a seed"], *(_overall(one) for one in study.overall)]


def _overall(one: Overall) -> list[str]:
    iqm = [ends(one.iqm[of]) for of in HEADLINE]
    ranks = [number(one.rank[of], 2) for of in HEADLINE]
    better = [ends(one.improvement[of]) for of in HEADLINE]
    return [one.method, *iqm, *ranks, *better, state(one.counts), number(one.seconds, 1)]


def on_task(study: Study, task: str) -> Rows:
    """The methods on a task, the best first; those without scores come last."""
    entries = [one for one in study.entries if one.task == task]
    entries.sort(key=lambda one: -one.scores.get("normalised_100th", (float("-inf"), 0.0))[0])
    heading = ["method", "100th", "80th", "50th", "raw 100th", "raw 50th", "seeds"]
    return [[*heading, "published 100th", "published 50th"], *map(_entry, entries)]


def _entry(one: Entry) -> list[str]:
    cells = [
        _bold(spread(one.scores.get(f"normalised_{of}")), one.best.get(of, False)) for of in ("100th", "80th", "50th")
    ]
    raw = [spread(one.scores.get(f"raw_{of}")) for of in HEADLINE]
    return [one.method, *cells, *raw, state(one.counts), *(published(one, of) for of in HEADLINE)]


def _bold(text: str, yes: bool) -> str:
    return f"**{text}**" if yes and text != "-" else text


def problems(study: Study) -> list[str]:
    """A line for each entry with seeds that are not done, and why."""
    lines = []
    for one in study.entries:
        if one.counts["done"] < sum(one.counts.values()):
            why = f": {one.reason}" if one.reason else ""
            lines.append(f"{one.method} on {one.task}: {state(one.counts)}{why}")
    return lines


def markdown(study: Study) -> str:
    """The report in Markdown."""
    parts = ["# Benchmark", HOW, "## All tasks", _markdown(overall(study)), _plain(pool(study))]
    if study.shares:
        parts += ["## Share of variance", "\n".join(f"* {_plain(line)}" for line in share_lines(study))]
    for task in study.tasks:
        parts += [f"## {_plain(task)}", _markdown(on_task(study, task))]
    if lines := problems(study):
        parts += ["## Not done", "\n".join(f"* {_plain(line)}" for line in lines)]
    return "\n\n".join(parts) + "\n"


def _markdown(rows: Rows) -> str:
    heading, *body = [[_cell(cell) for cell in row] for row in rows]
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: str) -> str:
    return f"**{_plain(cell[2:-2])}**" if _is_bold(cell) else _plain(cell)


def _is_bold(cell: str) -> bool:
    return len(cell) > 4 and cell.startswith("**") and cell.endswith("**")


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_{}<>#|~])", r"\\\1", " ".join(text.split()))


def latex(study: Study) -> str:
    """The tables in LaTeX, with booktabs."""
    parts = [r"% \usepackage{booktabs}", f"% {HOW}", "% all tasks", _latex(overall(study))]
    for task in study.tasks:
        parts += [f"% {task}", _latex(on_task(study, task))]
    return "\n".join(parts) + "\n"


def _latex(rows: Rows) -> str:
    heading, *body = [" & ".join(map(_in_latex, row)) + r" \\" for row in rows]
    columns = "l" + "r" * (len(rows[0]) - 1)
    ends_of = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", heading, r"\midrule"]
    return "\n".join([*ends_of, *body, r"\bottomrule", r"\end{tabular}", ""])


_SIGNS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}


def _in_latex(cell: str) -> str:
    if _is_bold(cell):
        return rf"\textbf{{{_in_latex(cell[2:-2])}}}"
    if cell == "-":
        return "--"
    return "".join(_SIGNS.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in cell)


def json_text(study: Study) -> str:
    """All numbers in JSON."""
    return to_json(study.plain()) + "\n"


def csv_text(study: Study) -> str:
    """A row for each method, task and seed."""
    frame = study.frame.map(lambda cell: held(cell) if isinstance(cell, str) else cell)
    return str(frame.to_csv(index=False))


def brief(study: Study) -> Rows:
    """The methods over all tasks, as wide as a terminal."""
    heading = ["method", *(f"IQM {of}" for of in HEADLINE), f"mean rank {HEADLINE[0]}", "seeds"]
    return [heading, *map(_brief, study.overall)]


def _brief(one: Overall) -> list[str]:
    return [one.method, *(ends(one.iqm[of]) for of in HEADLINE), number(one.rank[HEADLINE[0]], 2), state(one.counts)]
