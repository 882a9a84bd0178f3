"""`mbo propose` from end to end: what it prints, stores and refuses."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mbo_propose import Proposer
from mbo_propose.again import continued
from mbo_propose.commands import propose
from mbo_propose.pipeline import opened
from mbo_propose.wishes import Wishes

from mbo_core.tasks.space_file import space_text

KEYS = "verdict recipe asked space best_tried proposals backtest notes seconds folder"
OF_EACH = "design predicted spread lower distance nearest_row gap flag tier"


def run(*arguments):
    return CliRunner().invoke(propose, [str(one) for one in arguments])


@pytest.fixture
def oven():
    """Half of the whole heats from 20 to 79, of which 63 is best, and a gas."""
    heat = 20 + np.random.default_rng(0).permutation(60)[:30]
    frame = pd.DataFrame({"heat": heat, "gas": ["N2", "=air()", "+Ar"] * 10})
    return frame.assign(score=(90 - (heat - 63.0) ** 2 / 30).round(2))


@pytest.fixture
def lab(oven, tmp_path):
    """The same as a German spreadsheet writes it."""
    path = tmp_path / "lab.csv"
    oven.to_csv(path, index=False, sep=";", decimal=",")
    return path


def test_json_has_all_that_is_known(quick, lab, oven, tmp_path):
    done = run(lab, "--target", "score", "--batch", 4, "--recipe", "ridge-evolution", "--out", tmp_path / "o", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert " ".join(found) == KEYS
    assert " ".join(found["proposals"][0]) == OF_EACH
    assert found["asked"] == len(found["proposals"]) == 4
    assert found["best_tried"] == oven["score"].max()
    heat, gas = found["space"]
    assert (heat["kind"], heat["lower"], heat["upper"], heat["step"]) == (
        "whole",
        oven["heat"].min(),
        oven["heat"].max(),
        1,
    )
    assert gas["levels"] == ["+Ar", "=air()", "N2"]


def test_the_folder_speaks_the_dialect(lab, tmp_path, quick):
    out = tmp_path / "out"
    done = run(lab, "--target", "score", "--batch", 3, "--recipe", "ridge-evolution", "--out", out)
    assert done.exit_code == 0, done.output
    head, *rows = (out / "proposals.csv").read_text().splitlines()
    assert head.startswith("heat;gas;predicted;spread;lower;distance;nearest_row;gap;flag;tier")
    assert len(rows) == 3
    assert all(len(cell) <= 12 for row in rows for cell in row.split(";")[2:8])
    assert not any(row.split(";")[1].startswith(("=", "+")) for row in rows)
    assert {"space.toml", "recipe.toml", "run.json", "table.csv"} <= {one.name for one in out.iterdir()}
    for said in ("delimiter ';', decimal comma", "verdict: the table", "best tried: score 90", "how far to trust them"):
        assert said in done.stdout


def test_a_dry_run_only_prints_the_space(lab, tmp_path):
    done = run(lab, "--target", "score", "--out", tmp_path / "out", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "category of 3 levels" in done.output
    assert "verdict" not in done.output
    assert not (tmp_path / "out").exists()


def test_new_results_continue_a_batch(quick, lab, oven, tmp_path):
    asked = ["--target", "Score", "--batch", 3, "--recipe", "ridge-evolution", "--budget", "40s"]
    first = run(lab, *asked, "--out", tmp_path / "a", "--json")
    designs = [one["design"] for one in json.loads(first.stdout)["proposals"]]
    new = pd.DataFrame(designs).assign(score=lambda one: 91 - (one["heat"] - 63.0) ** 2 / 30)
    cells = [str(new["score"][0]), ">95.5"]
    new.iloc[:2].assign(score=cells).to_csv(tmp_path / "new.csv", index=False)
    changed = ["--batch", 2, "--fix", "gas=+Ar", "--out", tmp_path / "b"]
    done = run("--continue", tmp_path / "a", tmp_path / "new.csv", *changed)
    assert done.exit_code == 0, done.output
    assert "the last batch: 2 of 2 new rows are proposals; predictions were off by" in done.output
    known = json.loads((tmp_path / "b" / "proposals.json").read_text())
    assert known["calibration"]["observed"] == pytest.approx([new["score"][0], 95.5])
    assert {one["design"]["gas"] for one in known["proposals"]} == {"+Ar"}
    assert (known["wishes"]["budget"], known["recipe"]) == (40, "ridge-evolution")
    tried = {tuple(one.values()) for one in designs[:2]} | set(oven[["heat", "gas"]].itertuples(index=False, name=None))
    assert not tried & {tuple(one["design"].values()) for one in known["proposals"]}
    assert len(pd.read_csv(tmp_path / "b" / "table.csv", sep=";")) == 32


@pytest.mark.slow
def test_a_batch_that_failed_is_not_repeated(quick, lab, tmp_path):
    asked = ("--target", "score", "--batch", 3, "--recipe", "ridge-evolution")
    first = json.loads(run(lab, *asked, "--out", tmp_path / "a", "--json").stdout)
    designs = [one["design"] for one in first["proposals"]]
    for score, said in (("n.d.", "none of them has a score"), ("broken", 'holds no numbers, but e.g. "broken"')):
        pd.DataFrame(designs).assign(score=score).to_csv(tmp_path / "new.csv", index=False)
        done = run("--continue", tmp_path / "a", tmp_path / "new.csv", "--out", tmp_path / score)
        assert said in done.output
    known = json.loads((tmp_path / "n.d." / "proposals.json").read_text())
    assert not [one["design"] for one in known["proposals"] if one["design"] in designs]
    assert not (tmp_path / "broken").exists()


@pytest.mark.slow
def test_results_of_other_designs_are_refused(quick, lab, oven, tmp_path):
    run(lab, "--target", "score", "--batch", 2, "--recipe", "ridge-evolution", "--out", tmp_path / "a")
    oven.head(3).to_csv(tmp_path / "new.csv", index=False)
    done = run("--continue", tmp_path / "a", tmp_path / "new.csv", "--out", tmp_path / "b")
    assert (done.exit_code, "none of 3 new rows is a proposal" in done.output) == (2, True)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minimize"], "--minimize cannot change"),
        (["--target", "heat", "--error", "sd"], "--target, --error cannot change"),
        (["--recipe", "none"], 'unknown method "none"'),
        (["--sheet", "Data"], "has no sheets"),
        (["--start", "none.csv"], "none.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_options_of_a_next_batch(options, said, lab, tmp_path, finished):
    done = run("--continue", finished, lab, *options, "--out", tmp_path / "b")
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "hint: " in done.output
    assert not (tmp_path / "b").exists()


@pytest.fixture
def finished(lab, oven, tmp_path):
    """The folder of a batch of one design."""
    folder = tmp_path / "done"
    folder.mkdir()
    task = opened(lab, Wishes(target="score")).task
    (folder / "space.toml").write_text(space_text(task.space, []))
    (folder / "table.csv").write_text(lab.read_text())
    design = oven[["heat", "gas"]].iloc[0].to_dict()
    proposal = {"design": design, "predicted": 80.0, "lower": None, "flag": "close"}
    record = {"format": 1, "wishes": {"target": "score", "fix": {}}, "proposals": [proposal]}
    (folder / "proposals.json").write_text(json.dumps(record, default=int))
    return folder


def test_a_next_batch_may_differ(lab, finished):
    made = continued(finished, lab, {"batch": 5, "recipe": "ridge-evolution", "fix": {"gas": "N2"}, "budget": 9.0})
    assert (made.wishes.count, made.wishes.recipe, made.wishes.budget) == (5, "ridge-evolution", 9)
    assert made.task.space.cells(made.task.x[made.best_place])["gas"] == "N2"
    assert (made.calibration.rows, made.calibration.matched, len(made.given.table.frame)) == (30, 1, 60)


BAD = {
    "no file": (["missing.csv", "--target", "score"], "does not exist"),
    "no target": (["lab.csv"], "missing --target"),
    "wrong target": (["lab.csv", "--target", "scoer"], 'unknown target "scoer"'),
    "text": (["lab.csv", "--target", "gas"], "column of texts"),
    "two targets": (["lab.csv", "--target", "score", "--target", "heat"], "several targets"),
    "no batch": (["lab.csv", "--target", "score", "--batch", "0"], "batch has 0 designs"),
    "huge batch": (["lab.csv", "--target", "score", "--batch", "1000000"], "batch has 1,000,000 designs"),
    "limits": (["lab.csv", "--target", "score", "--limit", "heat<=1", "--limit", "heat>=2"], "contradict"),
    "unknown limit": (["lab.csv", "--target", "score", "--limit", "cost<=1"], 'unknown column "cost" for --limit'),
    "text limit": (["lab.csv", "--target", "score", "--limit", "gas<=1"], "holds no numbers"),
    "ignored": (["lab.csv", "--target", "score", "--ignore", "score"], "is the target and something else"),
    "nothing left": (["lab.csv", "--target", "score", "--ignore", "heat", "--ignore", "gas"], "no column is left"),
    "recipe": (["lab.csv", "--target", "score", "--recipe", "ridge-evolutoin"], "ridge-evolutoin"),
    "recipe file": (["lab.csv", "--target", "score", "--recipe", "none.toml"], "cannot read the recipe none.toml"),
    "fixed": (["lab.csv", "--target", "score", "--fix", "gas=O2"], "O2"),
    "fixed outside": (["lab.csv", "--target", "score", "--fix", "heat=100"], "fixed value 100"),
    "fixed to nothing": (["lab.csv", "--target", "score", "--fix", "heat"], 'invalid --fix "heat"'),
    "fixed and limited": (["lab.csv", "--target", "score", "--fix", "heat=60", "--limit", "heat<=70"], 'column "heat"'),
    "taken": (["lab.csv", "--target", "score", "--out", "full"], "exists and is not an empty folder"),
    "a file": (["lab.csv", "--target", "score", "--out", "lab.csv"], "exists and is not an empty folder"),
    "in a file": (["lab.csv", "--target", "score", "--out", "lab.csv/sub"], "cannot create the folder"),
    "space there": (["lab.csv", "--target", "score", "--save-space", "far.toml"], "far.toml exists"),
    "start": (["lab.csv", "--target", "score", "--start", "none.csv"], "none.csv"),
    "tiers": (["lab.csv", "--target", "score", "--tiers", "1,1,1", "--batch", "4"], "do not add to the batch of 4"),
    "two tiers": (["lab.csv", "--target", "score", "--tiers", "1,2"], 'invalid tiers "1,2"'),
    "budget": (["lab.csv", "--target", "score", "--budget", "soon"], 'invalid budget "soon"'),
    "no batch before": (["lab.csv", "--continue", "full"], "holds no proposals"),
    "all outside": (["lab.csv", "--target", "score", "--space", "far.toml"], "no row lies in the space"),
    "no space": (["lab.csv", "--target", "score", "--space", "none.toml"], "cannot read the space file"),
    "no toml": (["lab.csv", "--target", "score", "--space", "lab.csv"], "is not valid TOML"),
}


@pytest.mark.parametrize(("arguments", "said"), BAD.values(), ids=list(BAD))
def test_bad_input_has_one_clear_message(arguments, said, lab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/kept.txt").write_text("mine")
    (tmp_path / "far.toml").write_text("[columns.heat]\nbounds = [200, 300]\n")
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "hint: " in done.output
    assert {one.name for one in tmp_path.iterdir()} == {"lab.csv", "full", "far.toml"}
    assert [one.name for one in (tmp_path / "full").iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("rows", [0, 7])
def test_few_rows_are_refused(oven, rows, tmp_path):
    oven.head(rows).to_csv(tmp_path / "few.csv", index=False)
    done = run(tmp_path / "few.csv", "--target", "score")
    assert done.exit_code == 2
    assert "hint: " in done.output


@pytest.mark.slow
def test_a_proposer_is_fitted_and_proposes(oven):
    model = Proposer("ridge-evolution").fit(oven[["heat", "gas"]], oven["score"])
    found = model.propose(3)
    assert len(found) == 3
    assert model.proposals_.verdict in {"supports", "weakly"}
