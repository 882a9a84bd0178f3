"""Grids: what they say, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from mbo_bench.grid.planning import cells
from mbo_bench.grid.reading import read_grid

import mbo_core as mbo
from mbo_core.errors import RecipeError

TASKS = 'tasks = ["Bowl", "Letters"]\n'


@pytest.fixture(scope="module")
def toys():
    return mbo.installed().including([Path(__file__).with_name("toy.py")])


@pytest.fixture
def grid(tmp_path, toys, recipe):
    recipe()

    def read(text, **options):
        path = tmp_path / "grid.toml"
        path.write_text(text)
        return read_grid(path, options, toys)

    return read


def test_seeds_are_split_into_cells(grid, toys):
    found = cells(grid(TASKS + 'methods = ["near.toml"]\nseeds = 5\nseeds_per_cell = 2'), toys)
    assert [(one.task, one.seeds) for one in found[:3]] == [("Bowl", (0, 1)), ("Bowl", (2, 3)), ("Bowl", (4,))]
    assert len({one.key for one in found}) == 6


def test_more_seeds_keep_the_first_cells(grid, toys):
    few, more = (
        {one.key for one in cells(grid(TASKS + f'methods = ["near.toml"]\nseeds = {count}'), toys)} for count in (8, 16)
    )
    assert few < more


@pytest.mark.parametrize(
    ("change", "other"),
    [('set = ["update.far=0.2"]', "recipe"), ('preset = "far"', "preset"), ("seeds = [3]", "seeds")],
)
def test_what_matters_is_in_the_key(grid, toys, change, other):
    base = TASKS + 'methods = ["near.toml"]\n'
    keys = [{one.key for one in cells(grid(base + text), toys)} for text in ("", change)]
    assert not keys[0] & keys[1], other


def test_a_label_is_not_in_the_key(grid, toys):
    found = cells(grid(TASKS + 'methods = ["near.toml"]\n[method.again]\nrecipe = "near.toml"'), toys)
    assert {one.method for one in found} == {"near", "again"}
    assert len({one.key for one in found}) == 2


def test_options_replace_what_the_file_says(grid):
    found = grid(TASKS + 'methods = ["near.toml"]\nseeds = 2', seeds=[4, 5, 6], tasks=["Bowl"], preset=None)
    assert found.seeds == (4, 5, 6)
    assert [one.value for one in found.tasks] == ["Bowl"]


def test_a_cross_has_every_mix(grid, toys):
    text = '[cross]\nproxies = ["none"]\nupdates = ["none", "wander"]\nupdate.wander = { far = 1.5 }'
    found = cells(grid(TASKS + text), toys)
    assert {one.method for one in found} == {"none/none/none", "none/none/wander"}
    assert found[-1].parts == (("proxy", "none"), ("adversary", "none"), ("update", "wander"))
    assert "far = 1.5" in found[-1].recipe


def test_what_does_not_fit_is_refused(grid, toys):
    pytest.importorskip("mbo_grad_ascent")
    text = '[cross]\nproxies = ["none"]\nupdates = ["none", "gradient-ascent"]'
    found = cells(grid(TASKS + text), toys)
    refused = [one for one in found if one.refused]
    assert {one.method for one in refused} == {"none/none/gradient-ascent"}
    assert 'needs a proxy with "gradients"' in refused[0].refused
    assert not any(one.key for one in refused)


MISTAKES = {
    'methods = ["naer.toml", "cmos"]': ["naer.toml", 'unknown method "cmos"'],
    'tasks = ["Bowl", "Lettrs"]': ['did you mean "Letters"?'],
    'tasks = ["Bowl", "Bowl"]': ['duplicate task "Bowl"'],
    'methods = "near.toml"': ["methods must be a list of names"],
    'method = ["near.toml"]': ["method must be a table", "methods = ["],
    'seed = 3\nmethods = ["near.toml"]': ['did you mean "seeds"?'],
    'seeds = [1, 1]\nmethods = ["near.toml"]': ["duplicate seed"],
    'seeds_per_cell = 0\nmethods = ["near.toml"]': ["seeds_per_cell must be"],
    'methods = ["near.toml"]\npreset = "fra"': ['unknown preset "fra"', 'did you mean "far"?'],
    'methods = ["near.toml"]\nset = ["update.fra=1"]': ['has no option "fra"', "known: candidates"],
    '[cross]\nproxies = ["nine"]\nupdates = ["wnader"]': ['unknown proxy "nine"', 'unknown update "wnader"'],
    '[cross]\nproxies = ["none"]\nupdates = ["wander"]\nupdate.wandr = { far = 1 }': ['did you mean "wander"?'],
    '[cross]\nproxies = ["none"]\nupdates = ["wander"]\nupdate.wander = { fra = 1 }': ['has no option "fra"'],
    'methods = ["near.toml", "near.toml"]': ['duplicate method "near"'],
    "seeds = 2": ["grid has no methods"],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_named(grid, toys, text):
    whole = text if text.startswith("tasks") else TASKS + text
    with pytest.raises(RecipeError) as caught:
        cells(grid(whole), toys)
    for words in MISTAKES[text]:
        assert words in str(caught.value)


def test_all_mistakes_are_reported_at_once(grid):
    with pytest.raises(RecipeError) as caught:
        grid('tasks = ["Bwol"]\nmethods = ["cmos"]\nsedes = 3')
    text = str(caught.value)
    assert text.startswith("3 mistakes in the grid")
    assert all(f"grid.toml:{line}: " in text for line in (1, 2, 3))
