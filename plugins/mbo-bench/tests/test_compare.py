"""`mbo compare`, `mbo cite`, and rows of a board that are repeated."""

from __future__ import annotations

import json

import mbo_bench
import pytest
from click.testing import CliRunner
from mbo_bench.citing import bibtex
from mbo_bench.durable.folder import Bench
from mbo_bench.reports import compare, report

import mbo_core as library

BOWL = ("--tasks", "Bowl", "--seeds", "4")


@pytest.fixture(scope="module")
def out(toys_in):
    """A bench of three recipes, and of one again with another seed a cell."""
    folder, recipe, mbo = toys_in
    names = f"{recipe('near')},{recipe('same', 'candidates = 8')},{recipe('far', 'far = 3.0')}"
    assert mbo("--methods", names, *BOWL).exit_code == 0
    assert mbo("--methods", recipe("near"), *BOWL, "--seeds-per-cell", "3").exit_code == 0
    return folder / "out"


@pytest.fixture
def cell(out):
    bench = Bench.open(out)

    def of(method, seeds=4):
        [found] = [one for one in bench.expected() if one.method == method and len(one.seeds) == seeds]
        return bench.run(found.key)

    return of


def compared(*runs):
    done = CliRunner().invoke(compare, [*map(str, runs), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_compare_names_what_differs(cell):
    found = compared(cell("near"), cell("far"))
    assert found["differ"]["update.far"] == ["0.1", "3.0"]
    assert found["differ"]["recipe"] == ['"near"', '"far"']
    assert not any(name.startswith(("versions", "machine")) for name in found["differ"])
    [_, median] = found["scores"]
    assert (median["of"], median["seeds"], median["verdict"]) == ("50th", 4, "worse")
    assert median["interval"]["upper"] < 0


def test_compare_finds_the_same_designs(cell):
    found = compared(cell("near"), cell("near", 3))
    assert set(found["differ"]) == {"seeds"}
    assert [(one["seeds"], one["verdict"]) for one in found["scores"]] == [(3, "the same designs")] * 2


def test_compare_prints_tables(cell):
    done = CliRunner().invoke(compare, [str(cell("near")), str(cell("far"))])
    assert "update.far" in done.stdout
    assert "worse" in done.stdout


def test_compare_refuses_what_is_no_run(out, tmp_path):
    assert "is a bench" in CliRunner().invoke(compare, [str(out), str(out)]).output
    assert CliRunner().invoke(compare, [str(tmp_path), str(tmp_path)]).exit_code == 1
    assert CliRunner().invoke(compare, [str(tmp_path)]).exit_code == 2


def test_cite_has_method_task_and_software(cell, tmp_path, toy):
    text = bibtex(cell("near"), library.installed().including([toy]))
    assert text == (
        "@software{mbo,\n  author = {{The mbo contributors}},\n  title = {mbo: offline model-based optimization},\n"
        "  version = {0.1.0},\n  year = {2026},\n}\n"
    )
    recipe = cell("near") / "recipe.toml"
    before = recipe.read_text()
    recipe.write_text(before.replace("[method]", '[method]\npaper = "arXiv:2107.06882 and arXiv:2999.00001"'))
    cited = bibtex(cell("near"), library.installed().including([toy]))
    recipe.write_text(before)
    assert "title = {Conservative Objective Models" in cited
    assert "@misc{arxiv-2999.00001,\n  eprint = {2999.00001},\n  archivePrefix = {arXiv},\n}" in cited


@pytest.fixture
def row(out, tmp_path):
    done = CliRunner().invoke(report, [str(out), "--out", str(tmp_path), "--form", "md", "--board"])
    assert "rows of the board: 5" in done.stdout, done.output
    return next((tmp_path / "board").glob("far.Bowl.*.json"))


def test_a_row_that_is_repeated_holds(row, mbo, tmp_path):
    done = mbo("--verify", row, out=tmp_path / "again")
    assert (done.exit_code, "holds: 4 of 4 seeds have the same designs" in done.stdout) == (0, True), done.output


def test_a_row_that_was_changed_does_not_hold(row, mbo, tmp_path):
    values = json.loads(row.read_text())
    values["content"]["scores"]["normalised"]["100th"][0] += 0.01
    values["content"]["versions"]["torch"] = "1.0"
    row.write_text(json.dumps(values))
    done = mbo("--verify", row, out=tmp_path / "again")
    assert done.exit_code == 1
    assert "does not hold" in done.stdout
    assert "torch" in done.stdout
    assert (tmp_path / "again" / "run.json").exists()


def test_a_board_of_others_can_be_added(row, out):
    frame = mbo_bench.load(row.parent)
    ours = mbo_bench.load(out)
    assert sorted(frame["normalised_100th"]) == sorted(ours["normalised_100th"])
    assert set(frame["status"]) == {"done"}


def test_what_is_no_row_is_refused(tmp_path, mbo):
    path = tmp_path / "row.json"
    path.write_text('{"format": 1}')
    assert "is not a row of a board" in mbo("--verify", path).output
    assert mbo("--verify", tmp_path / "none.json").exit_code == 1
