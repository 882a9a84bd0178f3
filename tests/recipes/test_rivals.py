"""Of two options that replace each other, such as `epochs` and `steps`, the later layer's counts."""

from __future__ import annotations

import numpy as np
import pytest
from mbo_grad_ascent.proxy import Regression

import mbo_core as mbo
from mbo_core.errors import RecipeError
from mbo_core.recipes.recipe import written
from mbo_core.recipes.resolve import resolve
from mbo_core.toml import parse

INSTALLED = mbo.installed()
PROXY = "[proxy]\nuse = 'regression'\n"
PRESETS = "[preset.table]\nproxy.steps = 9\n[preset.quick]\nproxy.epochs = 2\n"


def proxy(text: str, preset: str | None = None, sets: tuple[str, ...] = ()) -> Regression:
    return resolve(parse(PROXY + text, "mine"), INSTALLED, kind="continuous", preset=preset, sets=sets).proxy


@pytest.mark.parametrize(
    ("text", "preset", "sets", "epochs", "steps"),
    [
        ("", None, (), 100, None),
        ("epochs = 5\n", None, (), 5, None),
        ("steps = 5\n", None, (), 100, 5),
        (f"epochs = 5\n{PRESETS}", "table", (), 100, 9),
        (f"steps = 5\n{PRESETS}", "quick", (), 2, None),
        (f"epochs = 5\n{PRESETS}", "table", ("proxy.epochs=3",), 3, None),
        (f"epochs = 5\n{PRESETS}", "quick", ("proxy.steps=3",), 100, 3),
        ("epochs = 5\n[when.continuous]\nproxy.steps = 7", None, (), 100, 7),
        (f"epochs = 5\n{PRESETS}[when.continuous]\nproxy.steps = 7", "quick", (), 2, None),
    ],
)
def test_the_later_layer_counts(text, preset, sets, epochs, steps):
    found = proxy(text, preset, sets)
    assert (found.epochs, found.steps) == (epochs, steps)


@pytest.mark.parametrize(
    ("text", "sets", "place"),
    [
        ("epochs = 5\nsteps = 6", (), "mine:4: "),
        ("", ("proxy.epochs=5", "proxy.steps=6"), "--set proxy.steps=6: "),
    ],
)
def test_both_in_one_layer_are_refused(text, sets, place):
    with pytest.raises(RecipeError, match=r"proxy\.steps and proxy\.epochs are both set") as refused:
        proxy(text, sets=sets)
    assert refused.value.message.startswith(place)
    assert refused.value.hint == "remove one of the two"


def test_a_value_with_both_is_refused():
    with pytest.raises(RecipeError, match="steps and epochs of Regression are both set"):
        mbo.run(mbo.Recipe(proxy=Regression(epochs=5, steps=6)), "Quadratic2D-Exact-v0")


def test_a_recipe_holds_the_one_that_counts(tmp_path):
    """So it reads back as the same recipe."""
    assert written(Regression(steps=6)).keys() - written(Regression()).keys() == {"steps"}
    assert written(Regression()).keys() - written(Regression(steps=6)).keys() == {"epochs"}
    x = np.random.default_rng(0).normal(size=(30, 2))
    recipe = mbo.Recipe(proxy=Regression(steps=6, hidden=(4,)))
    result = mbo.run(recipe, mbo.Task("mine", x, x.sum(1)), seeds=2, out=tmp_path / "run")
    assert [step["step"] for step in result.trials[0].steps] == list(range(6))
    assert mbo.load(tmp_path / "run").recipe.proxy.steps == 6
