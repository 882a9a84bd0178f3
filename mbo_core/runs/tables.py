"""Tables of results: one run by seed, as text and HTML, and several runs side by side for a paper."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from mbo_core.errors import MboError, StoreError, nearest
from mbo_core.recipes.limits import in_words
from mbo_core.runs.store import Folder
from mbo_core.tasks.scoring import PERCENTILES, mean_and_std
from mbo_core.text import held, printable

if TYPE_CHECKING:
    from mbo_core.runs.result import Result

Form = Literal["markdown", "latex", "csv"]
ScoreName = Literal["normalised", "raw"]
Rows: TypeAlias = "list[list[str]]"
"""The cells of a table, its heading first."""

OF = tuple(f"{q}th" for q in PERCENTILES)
MOST_SEEDS = 16
"""The maximum number of seeds shown one by one."""


def number(value: float | None) -> str:
    """A number, or a dash if it is missing.

    >>> number(0.81249), number(431.81), number(None), number(7)
    ('0.812', '431.8', '-', '7')
    """
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}" if abs(value) >= 10 else f"{value:.3f}"


def mean_std(values: Sequence[float | None], between: str = " ± ") -> str:
    """Mean and population standard deviation of the values that are not None, or a dash if all are None.

    >>> mean_std([1.0, None, 2.0])
    '1.500 ± 0.500'
    """
    there = [value for value in values if value is not None]
    return between.join(map(number, mean_and_std(there))) if there else "-"


def as_text(result: Result) -> str:
    """A run's heading and its table by seed, aligned."""
    rows = _by_seed(result)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    return "\n".join([_heading(result), *lines])


def as_html(result: Result) -> str:
    """The same as an HTML table."""
    heading, *rows = [[html.escape(cell) for cell in row] for row in _by_seed(result)]
    head = "".join(f"<th>{cell}</th>" for cell in heading)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    caption = f"<caption>{html.escape(_heading(result))}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def limits_in_words(hold: Mapping[str, Any], started: int) -> str:
    """What a person asked of the search, for a heading.

    >>> limits_in_words({"temp_C": 25, "gas": "N2"}, 3), limits_in_words({}, 0)
    ('hold temp_C = 25, gas = N2, start from 3 designs', '')
    """
    held = f"hold {', '.join(f'{name} = {value}' for name, value in hold.items())}" if hold else ""
    start = f"start from {started} design{'s' * (started > 1)}" if started else ""
    return ", ".join(filter(None, [held, start]))


def _heading(result: Result) -> str:
    scored = f"{len(result.trials)} of {len(result.seeds)} seeds"
    state = ", ".join(
        filter(None, [result.status, scored, in_words(result.cuts), limits_in_words(result.hold, result.started)])
    )
    return printable(f"{_method(result.recipe.name, result.recipe.preset)} on {result.task.name}: {state}")


def _by_seed(result: Result) -> Rows:
    scores = result.scores
    columns = {f"{name} {of}": scores[name][of] for name in scores for of in OF}
    shown = list(enumerate(result.seeds))[:MOST_SEEDS]
    rows = [[str(seed), *(number(values[i]) for values in columns.values())] for i, seed in shown]
    more = len(result.seeds) - len(shown)
    rows += [[f"({more} more)", *[""] * len(columns)]] if more else []
    return [["seed", *columns], *rows, ["mean ± std", *map(mean_std, columns.values())]]


def compare(
    results: Sequence[Result | str | Path] | Mapping[str, Result | str | Path],
    form: Form = "markdown",
    scores: ScoreName = "normalised",
) -> str:
    r"""Results side by side, one per row: mean ± population standard deviation over seeds of each percentile.

    Args:
        results: results or the folders of runs; a dict gives each a name.
        form: `markdown`, `latex` (with booktabs), or `csv` with mean and std in separate columns.
        scores: `normalised` or `raw`.

    Returns:
        The table's text. A missing value is `-`, in CSV an empty cell.

    Raises:
        MboError: for an unknown form or score.
        StoreError: for a folder that is not a run.
    """
    if form not in get_args(Form):
        raise MboError(f'unknown form "{form}"', nearest(str(form), get_args(Form)))
    if scores not in get_args(ScoreName):
        raise MboError(f'unknown scores "{scores}"', nearest(str(scores), get_args(ScoreName)))
    given = results if isinstance(results, Mapping) else dict(enumerate(results))
    lines = [_line(name, _record(one), scores) for name, one in given.items()]
    return {"markdown": _markdown, "latex": _latex, "csv": _csv}[form](lines, scores)


class Line(NamedTuple):
    """The content of a row."""

    method: str
    task: str
    scores: Mapping[str, Sequence[float | None]]
    """For each percentile, one value per seed."""

    @property
    def seeds(self) -> int:
        """The number of requested seeds."""
        return len(self.scores[OF[0]])

    @property
    def scored(self) -> int:
        """The number of seeds with scores."""
        return sum(value is not None for value in self.scores[OF[0]])

    @property
    def share(self) -> str:
        """The seeds with scores, as text."""
        return str(self.seeds) if self.scored == self.seeds else f"{self.scored} of {self.seeds}"


def _record(result: Result | str | Path) -> Mapping[str, Any]:
    return Folder(Path(result)).load_record() if isinstance(result, (str, Path)) else result.summary()


def _line(name: str | int, record: Mapping[str, Any], scores: str) -> Line:
    try:
        method = name if isinstance(name, str) else _method(record["recipe"], record["preset"])
        return Line(printable(method), printable(record["task"]), record["scores"][scores])
    except (LookupError, TypeError) as error:
        raise StoreError(f"run {record.get('run')} has an unexpected structure: {error!r}") from error


def _method(recipe: str, preset: str | None) -> str:
    return f"{recipe} ({preset})" if preset else recipe


def _markdown(lines: Sequence[Line], scores: str) -> str:
    heading = ["method", "task", "seeds", *(f"{of} ({scores})" for of in OF)]
    rows = [
        [_plain(line.method), _plain(line.task), line.share, *(mean_std(line.scores[of]) for of in OF)]
        for line in lines
    ]
    table = [heading, ["---", "---", *["---:"] * (len(heading) - 2)], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in table) + "\n"


def _plain(text: str) -> str:
    r"""Text escaped for Markdown.

    >>> print(_plain("a|b_c"))
    a\|b\_c
    """
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def _latex(lines: Sequence[Line], scores: str) -> str:
    heading = " & ".join(["method", "task", "seeds", *(f"{of} ({scores})" for of in OF)])
    rows = [
        " & ".join([_escaped(line.method), _escaped(line.task), line.share, *(_in_latex(line.scores[of]) for of in OF)])
        for line in lines
    ]
    ends = [r"% \usepackage{booktabs}", rf"\begin{{tabular}}{{ll{'r' * (1 + len(OF))}}}", r"\toprule"]
    body = [f"{row} \\\\" for row in rows]
    return "\n".join([*ends, f"{heading} \\\\", r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _in_latex(values: Sequence[float | None]) -> str:
    cell = mean_std(values, r" \pm ")
    return "--" if cell == "-" else f"${cell}$"


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def _escaped(text: str) -> str:
    r"""Text escaped for LaTeX.

    >>> print(_escaped("50% of a_b"))
    50\% of a\_b
    """
    return "".join(_LATEX.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in " ".join(text.split()))


def _csv(lines: Sequence[Line], scores: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    statistics = [f"{scores}_{of}_{what}" for of in OF for what in ("mean", "std")]
    writer.writerow(["method", "task", "seeds", "scored", *statistics])
    for line in lines:
        numbers = [one for of in OF for one in _summary(line.scores[of])]
        writer.writerow([held(line.method), held(line.task), line.seeds, line.scored, *numbers])
    return text.getvalue()


def _summary(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    there = [value for value in values if value is not None]
    return mean_and_std(there) if there else (None, None)
