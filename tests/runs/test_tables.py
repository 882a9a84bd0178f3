"""A result is a table that one can read, and several are a table for a paper."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.stages import NoUpdate


def best(name: str = "best", *, oracle: bool = True, task: str = "a_task", seeds: int = 2, **more) -> mbo.Result:
    x = np.random.default_rng(0).normal(size=(150, 2))
    table = mbo.Task(task, x, x.sum(1), oracle=(lambda designs: designs.sum(1)) if oracle else None)
    return mbo.run(mbo.Recipe(name=name, update=NoUpdate()), table, seeds=seeds, **more)


@pytest.fixture(scope="module")
def result() -> mbo.Result:
    return best("b<est>")


def test_a_result_shows_itself_as_a_table(result):
    heading, columns, *rows = repr(result).splitlines()
    assert heading == "b<est> on a_task: done, 2 of 2 seeds"
    assert columns.split() == ["seed", "normalised", "100th", "normalised", "50th", "raw", "100th", "raw", "50th"]
    assert [row.split()[:2] for row in rows] == [["0", "1.000"], ["1", "1.000"], ["mean", "±"]]
    assert "1.000 ± 0.000" in rows[-1]


def test_a_notebook_shows_it_escaped(result):
    shown = result._repr_html_()
    assert shown.startswith("<table><caption>b&lt;est&gt; on a_task")
    assert shown.count("<tr>") == 4
    assert "<est>" not in shown


def test_many_seeds_are_not_all_shown():
    assert len(repr(best(seeds=40)).splitlines()) == 20


def test_results_and_folders_are_rows_of_one_table(result, tmp_path):
    best("stored", out=tmp_path / "run")
    heading, _, first, second = mbo.compare([result, tmp_path / "run"]).splitlines()
    assert heading == "| method | task | seeds | 100th (normalised) | 50th (normalised) |"
    assert first.startswith(r"| b\<est\> | a\_task | 2 | 1.000 ± 0.000 | ")
    assert second.startswith("| stored |")


def test_latex_is_escaped_with_dashes_for_gaps():
    lines = mbo.compare({"50% & more": best(oracle=False), "all_of it": best()}, "latex").splitlines()
    assert lines[5] == r"50\% \& more & a\_task & 0 of 2 & -- & -- \\"
    assert lines[6].startswith(r"all\_of it & a\_task & 2 & $1.000 \pm 0.000$ & $")


def test_csv_has_numbers_and_empty_cells():
    text = mbo.compare({"a,b": best(), "none": best(oracle=False)}, "csv", scores="raw")
    scored, missing = csv.DictReader(io.StringIO(text))
    assert scored["method"] == "a,b"
    assert float(scored["raw_100th_mean"]) == pytest.approx(best().best_in_data["raw"])
    assert (missing["seeds"], missing["scored"], missing["raw_100th_mean"]) == ("2", "0", "")


@pytest.mark.parametrize(("more", "hint"), [({"form": "markdwn"}, "markdown"), ({"scores": "rw"}, "raw")])
def test_an_unknown_word_is_said_with_the_nearest(result, more, hint):
    with pytest.raises(mbo.MboError) as refused:
        mbo.compare([result], **more)
    assert refused.value.hint == f'did you mean "{hint}"?'
