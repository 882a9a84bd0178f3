"""Foreign text is data: nothing of it reaches a terminal or a spreadsheet as a command."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import mbo_core as mbo
from mbo_core.cli import main
from mbo_core.cli.common import print_heading, print_table
from mbo_core.errors import MboError
from mbo_core.runs.store import rows_of, table
from mbo_core.text import held, printable, released

TOP = Path(__file__).parents[1]
EVIL = "\x1b[31mred\x07\x9b1m\u202eturned\u2028\r[/bold][red]"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]")
RUNS = ["=1+1", "+1+1", "-OMe", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''-x", '=HYPERLINK("http://x")']
PLAIN = ["-5", "+1.5e3", "-inf", "DMF", "", "'quoted'", "a=b", "-.5"]


def task(**named) -> mbo.Task:
    x = np.random.default_rng(0).normal(size=(20, 2))
    return mbo.Task("lab [/bold]", x, -(x**2).sum(1), oracle=lambda x: -(x**2).sum(1), **named)


def bare(name: str = "bare") -> dict:
    return {"method": {"name": name}, "update": {"use": "none", "candidates": 3}}


@pytest.mark.parametrize("text", RUNS)
def test_a_formula_is_held_and_released(text):
    assert held(text) == f"'{text}"
    assert released(held(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_texts_stay(text):
    assert held(text) == released(text) == text


def test_a_table_of_formulas_comes_back():
    rows = [{"=name": text, "number": str(place)} for place, text in enumerate(RUNS + PLAIN)]
    text = table(rows)
    assert rows_of(text) == rows
    assert not [line for line in text.split("\n") if line.startswith(("=", "+1+1", "-O", "@", "\t"))]


def test_square_brackets_in_names_are_text(capsys):
    print_heading("name [/bold] [red]x")
    print_table(["a [/b]", ">[red]"], [["[/c]", "[d]"]], title="[/title]")
    out = capsys.readouterr().out
    assert all(text in out for text in ("name [/bold] [red]x", "a [/b]", "[red]", "[/c]", "[d]", "[/title]"))


def test_errors_show_no_escape():
    assert not CONTROL.search(str(MboError(f"unknown {EVIL}", EVIL)))
    assert printable("tab\tline\nümläut 日本 👩‍🔬") == "tab\tline\nümläut 日本 👩‍🔬"


@pytest.fixture(scope="module")
def evil_run(tmp_path_factory) -> Path:
    """A stored run in which every text of the record is hostile."""
    folder = tmp_path_factory.mktemp("evil") / "run"
    mbo.run(bare(), task(), seeds=1, out=folder)
    record = json.loads((folder / "run.json").read_text())
    record["notes"] = [{"seed": 0, "source": "x", "text": "y", "values": {"z": 1.0}}]
    record |= {"failed": {"0": "reason"}, "task_notes": {"a": "b"}, "cached_proxies": ["0"]}
    (folder / "run.json").write_text(json.dumps(_evil(record)))
    return folder


def _evil(value):
    if isinstance(value, str):
        return value + EVIL
    if isinstance(value, list):
        return [_evil(one) for one in value]
    own = {"values", "versions", "task_notes"}
    return (
        {k: ({f"{n}{EVIL}": v for n, v in one.items()} if k in own else _evil(one)) for k, one in value.items()}
        if (isinstance(value, dict))
        else value
    )


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_shared_record_is_shown_without_escapes(evil_run, options):
    shown = CliRunner().invoke(main, ["show", str(evil_run), *options])
    assert shown.exit_code == 0, shown.output
    assert "turned" in shown.output
    assert not CONTROL.search(shown.output)


@pytest.mark.parametrize("form", ["markdown", "latex", "csv"])
def test_a_comparison_holds_foreign_names(evil_run, form):
    assert not CONTROL.search(mbo.compare([evil_run], form))
    assert "'=run" in mbo.compare({"=run": evil_run}, form) or form != "csv"


def test_a_recipe_may_have_any_name(capsys):
    from mbo_core.cli.report import print_result

    result = mbo.run(bare("[/bold] [red]x"), task(), seeds=1)
    print_result(result)
    assert "[/bold] [red]x on lab [/bold]" in capsys.readouterr().out
    assert "[red]" in repr(result)


def test_cells_like_formulas_come_back(tmp_path):
    frame = pd.DataFrame({"=gas": ["=A1", "-x", "@y"] * 8, "heat": np.arange(24.0), "score": np.arange(24.0)})
    lab = mbo.Task("lab", frame, target="score")
    result = mbo.run(bare(), lab, seeds=1, start=frame[:2], out=tmp_path / "run")
    text = (tmp_path / "run" / "seeds" / "0" / "designs.csv").read_text()
    assert text.splitlines()[0].startswith("'=gas,")
    assert all(line.startswith("'") for line in text.splitlines())
    assert mbo.load(tmp_path / "run", lab).frame().equals(result.frame())
    assert mbo.run(tmp_path / "run", lab, out=tmp_path / "again").frame().equals(result.frame())
    (tmp_path / "lab.csv").write_text(table(frame.to_dict("records")))
    again = mbo.read_table(tmp_path / "lab.csv", target="score")
    assert again.space == lab.space


def test_cells_of_a_runs_names_are_kept(tmp_path):
    """The scores stay as well."""
    lab = task(cells=lambda x: {"raw": "mine", "fault": "too", "site": "x"})
    result = mbo.run(bare(), lab, seeds=1, out=tmp_path / "run")
    for frame in (result.frame(), mbo.load(tmp_path / "run", lab).frame()):
        assert set(frame["raw (design)"]) == {"mine"}
        assert frame["raw"].tolist() == result.trials[0].scores["raw"].tolist()
        assert list(frame.columns) == list(result.frame().columns)


def test_an_infos_name_hides_no_design():
    from dataclasses import replace

    result = mbo.run(bare(), task(), seeds=1)
    trial = replace(result.trials[0], columns={"x0": ["info"] * 3})
    row = trial.rows(result.task, set())[0]
    assert row["x0"] == result.trials[0].raw[0, 0]
    assert row["x0 (run)"] == "info"


PRINT = {"click.echo", "click.secho", "echo", "print", "sys.stdout.write", "sys.stderr.write"}


def test_only_one_function_prints():
    found = []
    for path in [*TOP.glob("mbo_core/**/*.py"), *TOP.glob("plugins/*/mbo_*/**/*.py")]:
        calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        names = {ast.unparse(call) for call in calls}
        found += [path.name] if names & PRINT else []
    assert found == ["text.py"]
