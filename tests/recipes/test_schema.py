"""The schema accepts what ships and what the program writes, and refuses what the program refuses."""

from __future__ import annotations

import json

import pytest
import tomli
from jsonschema import Draft7Validator
from toy_stages import REGISTRY, recipe

import mbo_core as mbo
from mbo_core.recipes.resolve import check_branches, fits_kinds
from mbo_core.recipes.schema import schema
from mbo_core.recipes.words import ABOUT, ROLES, RUN, TABLES
from mbo_core.toml import parse

INSTALLED = mbo.installed()
SCHEMA = schema(INSTALLED)


def mistakes(text: str, found=SCHEMA) -> list[str]:
    return [error.message for error in Draft7Validator(found).iter_errors(tomli.loads(text))]


def test_it_is_draft_7_and_json():
    Draft7Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA


def test_the_schema_describes_every_table_and_key():
    top = SCHEMA["properties"]
    assert set(top) == set(TABLES)
    assert set(top["method"]["properties"]) == set(ABOUT)
    assert set(top["run"]["properties"]) == set(RUN)
    assert "Quadratic2D-Exact-v0" in top["when"]["properties"]
    proxy = SCHEMA["definitions"]["proxy-layer"]["properties"]
    assert proxy["overestimation_limit"] == {
        "description": proxy["overestimation_limit"]["description"],
        "type": "number",
        "default": 0.5,
    }
    assert proxy["overestimation_limit"]["description"]


def test_a_use_has_a_line_for_each_stage():
    for role in ROLES:
        use = SCHEMA["definitions"][f"{role}-whole"]["properties"]["use"]
        assert use["enum"] == [name for of, name in INSTALLED.stages if of == role]
        assert all(use["x-taplo"]["docs"]["enumValues"])


@pytest.mark.parametrize("name", INSTALLED.methods)
def test_shipped_recipes_are_valid(name):
    """So are the recipes they resolve to."""
    method = INSTALLED.method(name)
    assert mistakes(method.path.read_text(encoding="utf-8")) == []
    for fit in fits_kinds(method.document, INSTALLED).values():
        assert mistakes(fit.to_toml({"task": "Quadratic2D-Exact-v0", "seeds": (0, 3), "preset": None})) == []


CHILD = 'extends = "coms"\n'
COMS = '[proxy]\nuse = "conservative"\n'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[proxy]",
        '[encoding]\nmass = 0.7\n[when.discrete.encoding]\nuse = "one-hot"',
        COMS + "hidden = [8, 8]\nlearning_rate = 1",
        CHILD + "[proxy]\nhidden = [8]\nmembers = 3\n[update]\nsteps = 3",
        CHILD + '[update]\nuse = "local-adaptation"\nradius = 0.1',
        'extends = "sub/mine.toml"\n[update.inner]\nsamples = 3',
        COMS + "[when.discrete.proxy]\nhidden = [8]\n[preset.big.update]\nsteps = 1",
        '[when."TFBind10-Exact-v0".proxy]\nhidden = [8]',
        '[update]\nuse = "autofocus"\n[update.inner]\nuse = "cbas"\nsamples = 7',
        "[run]\nseeds = 3",
        '[method]\nrequires = ["mbo-coms>=0.1"]',
        '[update]\nuse = "normalised-likelihood"\npseudo_weight = 0.5',
        '[update]\nuse = "normalised-likelihood"\npseudo_weight = "by-size"',
    ],
)
def test_what_can_be_meant_is_valid(text):
    assert mistakes(text) == []


BROKEN = [
    "proxi.epochs = 3",
    "proxy = 'conservative'",
    "[proxy]\nuse = 'conservativ'",
    "[proxy]\nuse = 3",
    "[proxy]\nepochs = 3",
    COMS + "epohcs = 3",
    COMS + "members = 3",
    COMS + "epochs = -1",
    COMS + "epochs = 'many'",
    COMS + "epochs = true",
    COMS + "epochs = 2.5",
    COMS + "learning_rate = -1",
    COMS + "hidden = 8",
    COMS + "hidden = [8, 0]",
    COMS + "adversary = { use = 'design-ascent' }",
    COMS + "activation = 'rellu'",
    "[encoding]\nmass = 1.5",
    "[encoding]\nlatent = 2",
    "[update]\nuse = 'autofocus'\n[update.inner]\nsamples = 7",
    "[update]\nuse = 'autofocus'\n[update.inner]\nuse = 'cbas'\nsampels = 7",
    CHILD + "[proxy]\nepohcs = 3",
    CHILD + "[proxy]\nepochs = -1",
    CHILD + "[proxy]\nuse = 'conservative'\nmembers = 3",
    "extends = 'comms'",
    "extends = 3",
    "[when.discret]",
    "[when.discrete.proxi]",
    "[when.discrete.proxy]\nepohcs = 3",
    "when.discrete = 3",
    "[preset.quick.proxy]\nepohcs = 3",
    "[preset.quick]\nwhen.discret.proxy.epochs = 3",
    "[preset.quick]\nwhen.discrete.proxi.epochs = 3",
    "[preset.quick]\nwhen.discrete.proxy.epohcs = 3",
    "[preset.quick]\nwhen.discrete = 3",
    "[preset.quick.when.discrete]\nwhen.tokens.proxy.epochs = 3",
    "[method]\nsumary = 'a'",
    "[method]\nname = 3",
    "[run]\ntasks = 'a'",
    "[method]\nrequires = 'mbo-coms'",
]
NOT_READ = [
    "[published.task]\n100ht = [0.9, 0.1]",
    "[published.task]\n100th = [0.9]",
    "[run]\nseeds = 0",
    "[run]\nseeds = [0, 0]",
]


@pytest.mark.parametrize("text", [*BROKEN, *NOT_READ])
def test_a_broken_recipe_is_not_valid(text):
    assert mistakes(text) != []


@pytest.mark.parametrize("text", BROKEN)
def test_what_the_schema_refuses_the_program_refuses_too(text):
    with pytest.raises(mbo.RecipeError):
        check_branches(parse(text, "mine"), INSTALLED)


def test_a_stage_inside_a_stage_inside_a_stage():
    found = schema(REGISTRY)
    nested = '[update]\nuse = "twice"\ninner = { use = "twice", inner = { use = "climb", steps = %s } }'
    assert mistakes(nested % 7, found) == []
    assert recipe(f'proxy.use = "sturdy"\n{nested % 7}').update.inner.inner.steps == 7
    assert mistakes(nested % -1, found) != []
