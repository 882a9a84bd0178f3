"""The preset `table` of every shipped recipe, on a small table of each kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mbo_core as mbo
from mbo_core.recipes.layers import lineage
from mbo_core.recipes.resolve import resolve
from mbo_core.stages.contracts import with_inner
from mbo_core.stages.options import options
from mbo_core.testing.settings import assignments, listed

REGISTRY = mbo.installed()
METHODS = sorted(REGISTRY.methods)
SMALL = listed(REGISTRY)
KINDS = ("continuous", "discrete", "mixed")
BATCH = 16
MORE = {"bo-qei": ["update.batch=8"], "bo-qei-on-grad-mean": ["update.batch=8"]}
"""What proposes enough designs where a stage's small options do not."""


def amounts(rng: np.random.Generator) -> mbo.Task:
    """Eight real columns."""
    x = rng.uniform(0, 10, (60, 8)).round(1)
    frame = pd.DataFrame(x, columns=list("abcdefgh")).assign(strength=x[:, 0] - (x[:, 1] - 4) ** 2)
    return mbo.Task("amounts", frame, target="strength")


def settings(rng: np.random.Generator) -> mbo.Task:
    """Four columns of four settings each, some unevenly spaced."""
    grid = np.array(np.meshgrid([70, 75, 80, 90], [0.5, 1, 2, 5], [1, 1.2, 1.5, 1.8], [1, 2, 3, 4])).reshape(4, -1).T
    x = grid[rng.permutation(len(grid))[:100]]
    return mbo.Task("settings", pd.DataFrame(x, columns=list("tpak")).assign(out=x @ [1, -2, 3, 0.5]), target="out")


def fractions(rng: np.random.Generator) -> mbo.Task:
    """Fractions in steps of 0.05 that add to 1; the score is minimised."""
    x = rng.multinomial(20, [0.4, 0.3, 0.2, 0.1], 80) / 20
    frame = pd.DataFrame(x, columns=["p1", "p2", "p3", "p4"]).assign(loss=(x**2).sum(1))
    return mbo.Task("fractions", frame, target="loss", minimize=True)


def mixed(rng: np.random.Generator) -> mbo.Task:
    """A category of five levels and two numbers."""
    level, x = rng.integers(5, size=60), rng.uniform(0, 1, (60, 2)).round(2)
    columns = {"base": np.array(list("KLMNO"))[level], "load": x[:, 0], "time": (600 * x[:, 1]).round()}
    return mbo.Task("mixed", pd.DataFrame(columns).assign(yld=level + x.sum(1)), target="yld")


def sequences(rng: np.random.Generator) -> mbo.Task:
    """Words of six letters."""
    words = ["".join(rng.choice(list("ACGT"), 6)) for _ in range(60)]
    frame = pd.DataFrame({"dna": words, "fit": [word.count("G") + rng.normal() / 9 for word in words]})
    return mbo.Task("sequences", frame, target="fit")


def few(rng: np.random.Generator) -> mbo.Task:
    """Twenty-four rows, whose best are at the edge."""
    x = rng.uniform(20, 80, (24, 3)).round(1)
    return mbo.Task("few", pd.DataFrame(x, columns=list("uvw")).assign(gain=x.sum(1)), target="gain")


TABLES = {one.__name__: one(np.random.default_rng(5)) for one in (amounts, settings, fractions, mixed, sequences, few)}


PAIRS = [
    pytest.param(method, table, marks=() if number in (place, place + len(TABLES)) else pytest.mark.slow)
    for number, method in enumerate(METHODS)
    for place, table in enumerate(TABLES)
]
"""Every method on every table; two methods a table are in the default gear."""


@pytest.mark.parametrize(("method", "table"), PAIRS)
def test_proposals_lie_in_the_space_exactly(method, table):
    task = TABLES[table]
    small = assignments(method, REGISTRY, task.kind, "table", known=SMALL)
    sets = [one for one in small if ".candidates" not in one] + MORE.get(method, [])
    result = mbo.run(method, task, seeds=1, preset="table", set=sets, registry=REGISTRY)
    assert result.designs.shape == (1, BATCH, task.space.length)
    assert task.space.contains(result.designs[0]).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_preset_is_meant_for_tables(method):
    for kind in KINDS:
        recipe = resolve(REGISTRY.method(method).document, REGISTRY, kind=kind, preset="table")
        assert recipe.encoding.name == "columns"
        searches = [one for one in with_inner(recipe.update) if hasattr(one, "candidates")]
        assert [one.candidates for one in searches] == [BATCH]
        # A proxy that is fitted at once has no steps.
        if "epochs" in options(type(recipe.proxy)):
            assert recipe.proxy.steps is not None
            assert recipe.proxy.keep == "best"
            assert recipe.proxy.refit


@pytest.mark.parametrize("method", METHODS)
def test_every_value_of_the_preset_changes_something(method):
    document = REGISTRY.method(method).document
    own = document.table.get("preset", {}).get("table", {})
    for role, option in [(role, option) for role, values in own.items() for option in values if option != "use"]:
        with_it, without = (
            {kind: _option(document, kind, preset, role, option) for kind in KINDS} for preset in ("table", None)
        )
        assert with_it != without, f"{role}.{option}"


def _option(document, kind, preset, role, option):
    stage = getattr(resolve(document, REGISTRY, kind=kind, preset=preset), role)
    return getattr(stage, option)


def test_every_lineage_has_the_preset():
    without = [name for name in METHODS if "table" not in lineage(REGISTRY.method(name).document, REGISTRY).presets]
    assert not without
