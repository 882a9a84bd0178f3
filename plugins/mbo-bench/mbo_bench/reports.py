"""`mbo report`, `published`, `compare` and `cite`: what was found, and what others have published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mbo_core.cli.common import json_option, print_json, print_table, registry
from mbo_core.errors import RecipeError, nearest
from mbo_core.text import say

if TYPE_CHECKING:
    from mbo_bench.comparing import Difference
    from mbo_bench.report.study import Study

HELP = {"help_option_names": ["-h", "--help"]}
FORMS = ("md", "html", "tex", "csv", "json")
NAME = "report"


@click.command(context_settings=HELP)
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where to write; the first DIR by default.")
@click.option("--reference", metavar="METHOD", help="The method that others are compared with; by default the first.")
@click.option("--board", is_flag=True, help="Write a row for each cell, which `mbo bench --verify` repeats.")
@click.option("--form", "forms", multiple=True, type=click.Choice(FORMS), help="Write only this form. Repeatable.")
def report(
    folders: tuple[Path, ...], out: Path | None, reference: str | None, board: bool, forms: tuple[str, ...]
) -> None:
    """Write the tables of one or more benches: report.md, .html, .tex, .csv and .json."""
    from mbo_bench.board import write_rows
    from mbo_bench.durable.folder import NAME as BENCH
    from mbo_bench.report.study import Study
    from mbo_bench.report.tables import brief, problems
    from mbo_bench.report.words import pool, share_lines
    from mbo_bench.results import load
    from mbo_core.runs.store import write

    frame = load(*folders)
    methods = list(dict.fromkeys(frame["method"]))
    if reference is not None and reference not in methods:
        raise RecipeError(f'unknown method "{reference}"', nearest(reference, methods))
    study, place = Study(frame, reference), out or folders[0]
    for form in forms or FORMS:
        write(place / f"{NAME}.{form}", written(form)(study))
    heading, *rows = brief(study)
    print_table([heading[0], *(f">{name}" for name in heading[1:])], rows)
    for line in (pool(study), *share_lines(study)):
        say(line)
    for line in problems(study):
        say(line, err=True)
    if board:
        own = [folder for folder in folders if (folder / BENCH).exists()]  # others are boards already
        say(f"rows of the board: {sum(len(write_rows(folder, place)) for folder in own)}")
    say(f"written: {', '.join(str(place / f'{NAME}.{form}') for form in forms or FORMS)}")


def written(form: str) -> Callable[[Study], str]:
    """What writes a form."""
    from mbo_bench.report import tables
    from mbo_bench.report.page import page

    return {
        "md": tables.markdown,
        "html": page,
        "tex": tables.latex,
        "csv": tables.csv_text,
        "json": tables.json_text,
    }[form]


@click.command(context_settings=HELP)
@click.option("--task", metavar="TASK", help="Only those of one task.")
@click.option("--method", metavar="METHOD", help="Only those of one method.")
@json_option
def published(task: str | None, method: str | None, as_json: bool) -> None:
    """Print published scores with their sources, and where re-runs of others disagree."""
    from dataclasses import asdict

    from mbo_bench.published import figures

    found = figures()
    for name, asked in (("task", task), ("method", method)):
        known = {getattr(one, name) for one in found}
        if asked is not None and asked not in known:
            raise RecipeError(f'no published score of {name} "{asked}"', nearest(asked, known))
        found = [one for one in found if asked in {None, getattr(one, name)}]
    found.sort(key=lambda one: (one.task, one.method, one.percentile))
    if as_json:
        print_json({"published": [asdict(one) for one in found]})
        return
    rows = [
        [
            one.task,
            one.method,
            one.percentile,
            one.text,
            str(one.seeds or "-"),
            _who(one.source, one.rerun),
            one.not_comparable,
        ]
        for one in found
    ]
    print_table(["task", "method", "of", ">score", ">seeds", "source", "not comparable"], rows)


def _who(source: str, rerun: bool) -> str:
    return f"{source}, re-run by others" if rerun else source


@click.command(context_settings=HELP)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN RUN...")
@json_option
def compare(runs: tuple[Path, ...], as_json: bool) -> None:
    """Print what differs between runs, and whether their scores differ by more than noise."""
    from dataclasses import asdict

    from mbo_bench.comparing import Stored, differences, score_differences

    if len(runs) < 2:
        raise RecipeError("only one run", "name two or more folders of runs")
    stored = [Stored.open(path) for path in runs]
    facts, scores = differences(stored), score_differences(stored)
    if as_json:
        print_json({"runs": list(map(str, runs)), "differ": facts, "scores": [asdict(one) for one in scores]})
        return
    names = [f"run {number}" for number in range(1, len(runs) + 1)]
    for name, path in zip(names, runs, strict=True):
        say(f"{name}: {path}")
    print_table(["what differs", *names], [[name, *values] for name, values in facts.items()])
    of_run = dict(zip(map(str, runs), names, strict=True))
    rows = [[of_run[one.run], one.of, str(one.seeds), _signed(one), one.verdict] for one in scores]
    print_table(["less run 1", "of", ">seeds", ">difference", "verdict"], rows)


def _signed(one: Difference) -> str:
    found = one.interval
    return "-" if found is None else f"{found.value:+.3f} [{found.lower:+.3f}, {found.upper:+.3f}]"


@click.command(context_settings=HELP)
@click.argument("run", type=click.Path(path_type=Path))
def cite(run: Path) -> None:
    """Print BibTeX for RUN, the folder of a run: its method, its task and the software."""
    from mbo_bench.citing import bibtex

    say(bibtex(run, registry()), nl=False)
