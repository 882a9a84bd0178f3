"""Numbers of rows in recipes are upper limits of what a table has."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from click.testing import CliRunner

import mbo_core as mbo
from mbo_core.cli import main
from mbo_core.cli.report import print_record
from mbo_core.recipes.limits import Cut, fitted
from mbo_core.runs.store import Folder
from mbo_core.stages import NoUpdate, option
from mbo_core.testing import assignments, resolved

INSTALLED = mbo.installed()
SMALL = ["proxy.hidden=[8]", "proxy.epochs=2", "adversary.steps=2", "update.steps=2"]
COMS = [("proxy.held_out", 500), ("update.candidates", 128)]


@dataclass(frozen=True, kw_only=True)
class Pairs(NoUpdate):
    """Refuses an odd number of candidates."""

    name = "pairs"
    candidates: int = option(128, "number of designs", at_least=1, share=1)

    def __post_init__(self):
        if self.candidates % 2:
            raise ValueError(f"candidates={self.candidates} is odd")


def table(rows: int, designs: int | None = None) -> mbo.Task:
    x = np.random.default_rng(0).normal(size=(designs or rows, 3))
    x = np.resize(x, (rows, 3))
    return mbo.Task("mine", x, x.sum(1))


@pytest.mark.parametrize(
    ("designs", "used"),
    [(1, (0, 1)), (4, (0, 4)), (20, (4, 20)), (35, (7, 35)), (127, (25, 127)), (2499, (499, 128))],
)
def test_a_fifth_of_the_designs_is_held_out(designs, used):
    recipe, cuts = fitted(resolved("coms", "continuous"), designs)
    assert (recipe.proxy.held_out, recipe.update.candidates) == used
    expected = [Cut(option, asked, number) for (option, asked), number in zip(COMS, used, strict=True)]
    assert list(cuts) == [cut for cut in expected if cut.used < cut.asked]


@pytest.mark.parametrize("method", INSTALLED.methods)
def test_large_tables_leave_every_recipe_as_it_is(method):
    recipe = resolved(method, "discrete")
    assert fitted(recipe, 2500) == (recipe, ())


def test_inner_stages_are_cut_and_share_the_proxy():
    recipe, cuts = fitted(resolved("autofocused-cbas", "continuous"), 50)
    assert {"update.inner.held_out": 10, "update.inner.candidates": 50}.items() <= {
        cut.option: cut.used for cut in cuts
    }.items()
    assert recipe.update.inner.proxy is recipe.proxy
    assert recipe.proxy.held_out == 10


def test_options_refused_after_the_cut_name_the_table():
    recipe = replace(resolved("coms", "continuous"), update=Pairs())
    assert fitted(recipe, 8)[0].update.candidates == 8
    with pytest.raises(mbo.TaskError, match=r"table of 7 distinct designs is too small for update .pairs.: candidates"):
        fitted(recipe, 7)


def test_replicates_do_not_count():
    plan = mbo.run("coms", table(60, designs=20), seeds=1, set=SMALL)
    assert {cut.option: cut.used for cut in plan.cuts} == {"proxy.held_out": 4, "update.candidates": 20}


KINDS = ["continuous", "discrete"]
PAIRS = [
    pytest.param(method, kind, marks=() if number % len(KINDS) == place else pytest.mark.slow)
    for number, method in enumerate(INSTALLED.methods)
    for place, kind in enumerate(KINDS)
]
"""Every method on both kinds; one of each is in the default gear."""


@pytest.mark.parametrize(("method", "kind"), PAIRS)
def test_every_method_runs_on_twenty_rows(method, kind):
    x = np.random.default_rng(0).permutation(81)[:20]
    x = np.stack(np.unravel_index(x, [3] * 4), axis=1)
    space = mbo.Space.discrete(4, 3) if kind == "discrete" else mbo.Space.continuous(4)
    task = mbo.Task("few", x, x.sum(1) + 0.1 * x[:, 0], space=space)
    small = [one for one in assignments(method, INSTALLED, kind, candidates=24) if ".held_out" not in one]
    result = mbo.run(method, task, seeds=2, set=small)
    # The small options of some searches ask for fewer than 20.
    asked = [int(one.rpartition("=")[2]) for one in small if ".candidates=" in one]
    assert result.designs.shape == (2, min(20, *asked), 4)


def test_what_was_cut_is_recorded_and_shown(tmp_path, capsys):
    """In the record, the notes and the heading."""
    words = "proxy.held_out 4 instead of 500, update.candidates 20 instead of 128"
    result = mbo.run("coms", table(20), seeds=2, set=SMALL, out=tmp_path / "run")
    record = Folder(tmp_path / "run").load_record()
    assert record["cut"][0] == {"option": "proxy.held_out", "asked": 500, "used": 4}
    assert f"20 distinct designs limit the recipe: {words}" in [note["text"] for note in record["notes"]]
    print_record(record)
    assert words in " ".join(capsys.readouterr().out.partition("100th")[0].split())
    assert words in repr(result).splitlines()[0]
    again = mbo.load(tmp_path / "run")
    assert (again.cuts, again.recipe) == (result.cuts, result.recipe)


def test_the_stored_recipe_keeps_what_was_asked(tmp_path):
    mbo.run("coms", table(20), seeds=1, set=SMALL, out=tmp_path / "run")
    larger = mbo.run(tmp_path / "run" / "recipe.toml", table(200), seeds=1)
    assert larger.recipe.proxy.held_out == 40


def test_a_dry_run_shows_what_is_cut():
    arguments = ["run", "coms", "--task", "Quadratic2D-Exact-v0", "--preset", "quick", "--seeds", "1", "--dry-run"]
    shown = CliRunner().invoke(main, arguments).output
    assert "the table limits proxy.held_out 102 instead of 500" in " ".join(shown.split())
    assert "held_out = 500" in shown
    found = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert found["cut"] == [{"option": "proxy.held_out", "asked": 500, "used": 102}]


@pytest.mark.parametrize(
    "task", ["ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0", "design_bench:CIFARNAS-Exact-v0"]
)
def test_coms_holds_out_as_many_rows_as_released(task):
    assert resolved("coms", "discrete", task=task).proxy.held_out == 100
