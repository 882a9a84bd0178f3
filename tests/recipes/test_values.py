"""A recipe as a value: stages in the place of tables, checked as a file is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from toy_stages import REGISTRY, Climb, Shake, Sturdy, Twice, recipe

import mbo_core as mbo
from mbo_core.recipes.resolve import resolve
from mbo_core.recipes.values import opened
from mbo_core.stages import NoUpdate, OneHot, option

MADE = mbo.Recipe(name="mine", adversary=Shake(steps=1), proxy=Sturdy(epochs=2), update=Twice(inner=Climb(steps=7)))
TEXT = """
[adversary]
use = "shake"
steps = 1
[proxy]
use = "sturdy"
epochs = 2
[update]
use = "twice"
inner = { use = "climb", steps = 7 }
"""


@dataclass(frozen=True, kw_only=True)
class Own(NoUpdate):
    """Of this file alone."""

    name = "own"
    pace: float | None = option(0.5, "how fast", above=0.0)


def resolved(value, kind="discrete", **more):
    document, found = opened(value, REGISTRY)
    return resolve(document, found, kind=kind, **more)


def refusal(value, **more) -> mbo.RecipeError:
    with pytest.raises(mbo.RecipeError) as refused:
        resolved(value, **more)
    return refused.value


def test_stages_make_the_recipe_that_their_tables_make():
    assert resolved(MADE) == recipe(TEXT)
    assert resolved(MADE).to_toml({}) == recipe(TEXT).to_toml({})


def test_a_dict_holds_stages_and_tables():
    mixed = {"method": {"name": "mine"}, **MADE.stages(), "proxy": {"use": "sturdy", "epochs": 2}}
    assert resolved(mixed) == recipe(TEXT)


def test_a_dict_extends_a_method(tmp_path):
    parent = tmp_path / "parent.toml"
    parent.write_text(TEXT)
    child = resolved({"extends": str(parent), "update": Climb(steps=3)})
    assert (child.update.steps, child.proxy.epochs, child.adversary) == (3, 2, Shake(steps=1))


def test_what_was_resolved_is_a_value_too():
    once = resolved(MADE)
    assert resolved(once) == once


def test_what_is_left_out_is_filled_in():
    assert resolved(mbo.Recipe(), "continuous").encoding.name == "standardised"
    assert resolved(mbo.Recipe(encoding=OneHot())).encoding == OneHot()
    assert resolved(MADE).update.inner.proxy.adversary == Shake(steps=1)


def test_an_option_is_set_by_its_path():
    assert resolved(MADE, sets=["update.inner.steps=9"]).update.inner.steps == 9


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ({"proxi": Sturdy()}, 'unknown table or key "proxi"', 'did you mean "proxy"?'),
        ({5: {"use": "sturdy"}}, "name 5 in the recipe is not a text", "write it as a text"),
        ({"proxy": "sturdy"}, 'proxy is the text "sturdy"', 'give a stage, or {"use": "sturdy"}'),
        (mbo.Recipe(proxy=Sturdy(epochs=0)), "proxy.epochs is 0, below 1", "passes over the data"),
        (mbo.Recipe(proxy=Climb()), "proxy is Climb, a stage for the role update", "write update=..."),
        (mbo.Recipe(proxy=Sturdy), "proxy is the class Sturdy", "make an instance: Sturdy()"),
        (mbo.Recipe(update=Climb(proxy=Sturdy())), "proxy of Climb is not the recipe's proxy", "leave it out"),
        (mbo.Recipe(update=Climb()), 'needs a proxy with "gradients" and "values"', "these fit: sturdy"),
        (mbo.Recipe(update=Twice()), "missing stage in update.inner", "[update.inner]"),
        (mbo.Recipe(preset="quick"), "recipe made of stages cannot have a preset", "set the options"),
        (mbo.Recipe(update=Own(pace=None)), "pace of Own is None", "its default is 0.5"),
        (3, "recipe has the unsupported type int", "mbo.Recipe("),
    ],
)
def test_a_value_that_is_no_recipe_is_refused(value, message, hint):
    error = refusal(value)
    assert message in error.message
    assert hint in error.hint


def test_a_preset_of_a_value_is_refused():
    assert "quick" in refusal(MADE, preset="quick").message


def test_an_unoffered_class_is_used_and_named():
    mine = resolved(mbo.Recipe(update=Own()))
    assert type(mine.update) is Own
    assert mine.about["unpackaged"] == {"update own": Own.__module__}
    assert ("update", "own") not in REGISTRY.stages


def test_a_class_cannot_take_the_name_of_another():
    @dataclass(frozen=True, kw_only=True)
    class Other(NoUpdate):
        name = "climb"

    assert "offers update climb, which mbo-core" in refusal(mbo.Recipe(update=Other())).message


def test_a_run_of_stages_can_be_repeated(tmp_path):
    """From its folder."""
    task = mbo.Task("mine", np.random.default_rng(0).normal(size=(200, 2)), np.arange(200.0))
    result = mbo.run(mbo.Recipe(name="best", update=Own()), task, seeds=1, out=tmp_path / "run")
    np.testing.assert_array_equal(result.designs[0], task.x[::-1][:128])
    with pytest.raises(mbo.RecipeError, match='unknown update "own"') as refused:
        mbo.run(tmp_path / "run", task)
    assert f"its class was in {Own.__module__}" in refused.value.hint
    again = mbo.run(tmp_path / "run", task, plugins=[Path(__file__)])
    np.testing.assert_array_equal(again.designs, result.designs)
