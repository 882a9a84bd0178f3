"""An option left open takes the default for the kind of space, and is written out when the recipe is resolved."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace

import pytest
from click.testing import CliRunner

import mbo_core as mbo
from mbo_core.cli import main
from mbo_core.plugins.files import offering
from mbo_core.recipes.resolve import resolve
from mbo_core.recipes.schema import schema
from mbo_core.recipes.values import opened
from mbo_core.stages import NoUpdate, Update, option, stage_option
from mbo_core.toml import parse


@dataclass(frozen=True, kw_only=True)
class Stride(NoUpdate):
    """A search with a step."""

    name = "stride"
    step_size: float = option(0.01, "step of the ascent", discrete=2.0)
    steps: int = option(3, "number of steps")


@dataclass(frozen=True, kw_only=True)
class Around(NoUpdate):
    """A search around another."""

    name = "around"
    inner: Update = stage_option("the search inside")


REGISTRY = mbo.installed().including([offering("here", [Stride, Around])])
TABLES = {
    "left open": ("", {"continuous": 0.01, "discrete": 2.0}),
    "set": ("step_size = 0.01", {"continuous": 0.01, "discrete": 0.01}),
}


@pytest.mark.parametrize("kind", ["continuous", "discrete"])
@pytest.mark.parametrize(("line", "expected"), TABLES.values(), ids=TABLES)
def test_a_file_takes_the_default_of_the_kind(line, expected, kind):
    recipe = resolve(parse(f'[update]\nuse = "stride"\n{line}', "mine"), REGISTRY, kind=kind)
    assert recipe.update.step_size == expected[kind]
    assert f"step_size = {expected[kind]}" in recipe.to_toml({})


GIVEN = {
    "left open": (Stride(), 2.0),
    "given": (Stride(step_size=0.01), 0.01),
    "copied": (copy.deepcopy(Stride(step_size=0.01)), 0.01),
    "replaced": (replace(Stride(), step_size=0.01), 0.01),
}


@pytest.mark.parametrize(("stage", "expected"), GIVEN.values(), ids=GIVEN)
def test_a_stage_in_python_takes_it_unless_given(stage, expected):
    for recipe in (mbo.Recipe(update=stage), mbo.Recipe(update=Around(inner=stage)), {"update": stage}):
        document, registry = opened(recipe, REGISTRY)
        update = resolve(document, registry, kind="discrete").update
        assert getattr(update, "inner", update).step_size == expected


def test_the_default_is_in_the_schema_and_shown(monkeypatch):
    monkeypatch.setattr("mbo_core.plugins.registry.installed", lambda without=(): REGISTRY)
    text = json.dumps(schema(REGISTRY))
    assert '"description": "step of the ascent; 2.0 on discrete designs", "type": "number", "default": 0.01' in text
    shown = CliRunner().invoke(main, ["show", "stride"])
    assert "discrete 2.0" in shown.stdout
    [stage] = json.loads(CliRunner().invoke(main, ["show", "stride", "--json"]).stdout)["found"]
    assert {one["option"]: one["default"] for one in stage["options"]}["step_size"]["discrete"] == 2.0


def test_a_new_recipe_lists_both_defaults(monkeypatch, tmp_path):
    monkeypatch.setattr("mbo_core.plugins.registry.installed", lambda without=(): REGISTRY)
    made = CliRunner().invoke(
        main, ["recipe", "new", "mine", "--update", "stride", "--out", str(tmp_path / "mine.toml")]
    )
    assert made.exit_code == 0, made.output
    assert "# step_size = 0.01  # 2.0 for discrete tasks; step of the ascent" in (tmp_path / "mine.toml").read_text()


def test_a_wrong_kind_lists_the_methods():
    recipe = {"encoding": {"use": "one-hot"}, "update": {"use": "none"}}
    task = mbo.Task("oven", {"gas": ["N2", "air"] * 3, "temp": [1, 2, 3, 4, 5, 6], "y": range(6)}, target="y")
    with pytest.raises(mbo.RecipeError) as refused:
        mbo.run(recipe, task)
    assert 'encoding "one-hot" cannot encode mixed designs' in str(refused.value)
    assert "hint: these fit: columns; methods for mixed tasks: autofocused-cbas, " in str(refused.value)


@dataclass(frozen=True, kw_only=True)
class Choosy(NoUpdate):
    """Refuses all data."""

    name = "choosy"

    def check(self, data):
        raise mbo.TaskError("nothing is good enough")


def test_refusals_come_before_an_encoding_is_trained():
    task = mbo.Task("dna", ["ACGT", "ACGA", "TCGA", "GGGT"], range(4))
    forever = {"use": "latent", "latent": 2, "hidden": [4], "epochs": 10**9}
    with pytest.raises(mbo.TaskError, match="nothing is good enough"):
        mbo.run({"encoding": forever, "update": Choosy()}, task, seeds=1)


def test_a_recipe_is_checked_for_one_kind():
    for kind in ("continuous", "discrete", "mixed"):
        done = CliRunner().invoke(main, ["recipe", "check", "coms", "--kind", kind, "--json"])
        assert list(json.loads(done.stdout)["fits"]) == [f"{kind} tasks"]
    refused = CliRunner().invoke(
        main, ["recipe", "check", "coms", "--kind", "mixed", "--set", "encoding.use='one-hot'"]
    )
    assert refused.exit_code == 2
    assert "methods for mixed tasks: " in refused.stderr
