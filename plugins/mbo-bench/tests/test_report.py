"""`mbo report`: what is there, what is missing, and what others have published."""

from __future__ import annotations

import json
import re

import mbo_bench
import pytest
from click.testing import CliRunner
from mbo_bench.published import figures
from mbo_bench.report.study import Study
from mbo_bench.report.tables import latex, markdown
from mbo_bench.reports import published, report

from mbo_core.errors import StoreError

GRID = """
tasks = ["Bowl", "Letters"]
seeds = 4
methods = ["near.toml", "bad.toml"]
[method.far]
recipe = "near.toml"
preset = "far"
[cross]
proxies = ["none"]
updates = ["none", "wander", "{other}"]
"""


@pytest.fixture(scope="module")
def benched(toys_in):
    """A bench with cells that are done, failed, refused and missing."""
    pytest.importorskip("mbo_grad_ascent")
    folder, recipe, mbo = toys_in
    recipe()
    recipe("bad", "fails = true")
    (folder / "grid.toml").write_text(GRID.format(other="gradient-ascent"))
    done = mbo(folder / "grid.toml")
    assert done.exit_code == 1, done.output
    mbo("--methods", recipe("later", "far = 0.3"), "--tasks", "Bowl", "--seeds", "4", "--budget", "0s")
    return folder / "out"


@pytest.fixture(scope="module")
def loaded(benched):
    return mbo_bench.load(benched)


@pytest.fixture
def frame(loaded):
    return loaded.copy()


def test_the_frame_is_tidy(frame):
    assert not frame.duplicated(["method", "task", "seed"]).any()
    states = frame.groupby("method")["status"].agg(set).to_dict()
    assert states == {
        "near": {"done"},
        "bad": {"failed"},
        "far": {"done"},
        "none/none/none": {"done"},
        "none/none/wander": {"done"},
        "none/none/gradient-ascent": {"refused"},
        "later": {"missing"},
    }
    done = frame["status"] == "done"
    assert frame.loc[done, "normalised_80th"].notna().all()
    assert frame.loc[~done, ["normalised_100th", "raw_50th", "raw_mean"]].isna().all(axis=None)
    assert set(frame.loc[frame["method"] == "bad", "reason"]) == {"RuntimeError: lost its way"}


def test_percentiles_are_in_order(frame):
    done = frame[frame["status"] == "done"]
    assert (done["normalised_100th"] >= done["normalised_80th"]).all()
    assert (done["normalised_80th"] >= done["normalised_50th"]).all()


def test_two_folders_are_one_table(mbo, recipe, tmp_path, inline):
    for name in ("one", "two"):
        mbo("--methods", recipe(name), "--tasks", "Bowl", "--seeds", "2", out=tmp_path / name)
    frame = mbo_bench.load(tmp_path / "one", tmp_path / "two")
    assert list(frame["method"]) == ["one", "one", "two", "two"]


def test_a_method_of_two_folders_has_two_names(mbo, recipe, tmp_path, inline):
    for name in ("one", "two"):
        mbo("--methods", recipe(), "--tasks", "Bowl", "--seeds", "2", out=tmp_path / name)
    frame = mbo_bench.load(tmp_path / "one", tmp_path / "two")
    assert list(dict.fromkeys(frame["method"])) == ["near", f"near ({tmp_path / 'two'})"]


def test_seeds_of_several_grids_stand_once(mbo, recipe, tmp_path, inline):
    mbo("--methods", recipe(), "--tasks", "Bowl", "--seeds", "4")
    mbo("--methods", recipe(), "--tasks", "Bowl", "--seeds", "8", "--budget", "0s")
    frame = mbo_bench.load(tmp_path / "out")
    assert frame["seed"].tolist() == list(range(8))
    assert frame["status"].tolist() == ["done"] * 4 + ["missing"] * 4


def test_an_older_recipe_gives_no_row(mbo, recipe, tmp_path, inline):
    mbo("--methods", recipe(), "--tasks", "Bowl", "--seeds", "4")
    mbo("--methods", recipe(options="far = 0.4"), "--tasks", "Bowl", "--seeds", "2")
    frame = mbo_bench.load(tmp_path / "out")
    assert frame["seed"].tolist() == [0, 1]


def test_what_is_missing_is_never_zero(frame):
    text = markdown(Study(frame))
    [bad] = re.findall(r"^\| bad \|.*$", text.split("## Bowl")[1].split("##")[0], re.M)
    assert bad == "| bad | - | - | - | - | - | failed | - | - |"
    assert re.search(r"^\| later \|.* not asked for \|", text.split("## Letters")[1], re.M)
    assert "later on Bowl: missing" in text
    assert "bad on Bowl: failed: RuntimeError: lost its way" in text
    assert 'needs a proxy with "gradients"' in text.replace("\\", "")
    assert "Not ranked, as they lack scores on a task: bad, none/none/gradient-ascent, later" in text


def test_the_better_method_is_first(frame):
    study = Study(frame, "near")
    order = [one.method for one in study.overall if one.iqm["100th"]]
    assert order.index("near") < order.index("far")
    far = next(one for one in study.overall if one.method == "far")
    assert far.improvement["100th"].value < 0.5
    entries = {(one.method, one.task): one for one in study.entries}
    assert not entries["far", "Bowl"].best["50th"]


def test_latex_is_escaped(frame):
    frame["method"] = frame["method"].replace("near", "50%_a & b")
    text = latex(Study(frame))
    assert r"50\%\_a \& b" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3


def test_the_command_writes_every_form(benched):
    done = CliRunner().invoke(report, [str(benched)])
    assert done.exit_code == 0, done.output
    found = json.loads((benched / "report.json").read_text())
    assert [one["method"] for one in found["overall"]][-1] in {"bad", "later", "none/none/gradient-ascent"}
    assert len((benched / "report.csv").read_text().splitlines()) == 1 + 4 * 2 * 6 + 4
    page = (benched / "report.html").read_text()
    assert "lost its way" in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", page)


def test_a_page_escapes_what_people_write(frame):
    from mbo_bench.report.page import page

    frame["method"] = frame["method"].replace("near", "</script><img src=x onerror=alert(1)>")
    text = page(Study(frame))
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


@pytest.mark.parametrize(("words", "said"), [(["--reference", "naer"], 'did you mean "near"?'), ([], None)])
def test_an_unknown_reference_is_refused(benched, words, said):
    done = CliRunner().invoke(report, [str(benched), *words, "--form", "md"])
    assert done.exit_code == (2 if said else 0)
    assert said is None or said in done.output


def test_a_folder_without_a_bench_is_refused(tmp_path):
    with pytest.raises(StoreError, match="is not a bench"):
        mbo_bench.load(tmp_path)


def test_published_scores_say_where_they_are_from():
    found = figures()
    assert len(found) > 200
    assert len({(one.method, one.task, one.percentile, one.source) for one in found}) == len(found)
    for one in found:
        assert one.source
        assert one.not_comparable or -2 < one.mean < 3
    coms = {one.source: one.mean for one in found if (one.method, one.task) == ("coms", "TFBind8-Exact-v0")}
    assert coms["design-baselines README (2021-07-17)"] == 0.945


def test_published_scores_stand_beside_ours(frame):
    frame["recipe"] = frame["recipe"].replace("near", "coms")
    frame["task"] = frame["task"].replace("Bowl", "as-released:Superconductor-RandomForest-v0")
    text = markdown(Study(frame))
    assert "0.439 ± 0.033; 0.504 ± 0.022 (re-run)" in text
    frame["changed"] = "yes"
    assert "0.439 ± 0.033" not in markdown(Study(frame))


def test_names_are_data_in_every_form(frame):
    from mbo_bench.report.tables import csv_text

    frame["method"] = frame["method"].replace("bad", "=1+1|<b>")
    assert "'=1+1|<b>" in csv_text(Study(frame))
    assert "<b>" not in markdown(Study(frame))


def test_published_prints_one_task():
    done = CliRunner().invoke(published, ["--task", "TFBind8-Exact-v0", "--method", "coms", "--json"])
    found = json.loads(done.stdout)["published"]
    assert {one["task"] for one in found} == {"TFBind8-Exact-v0"}
    assert any(one["rerun"] for one in found)
    assert CliRunner().invoke(published, ["--task", "TFBind8"]).exit_code == 2
