"""Values from TOML become options, or are refused with the reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pytest

from mbo_core.errors import MboError
from mbo_core.stages import Adversary, Limits, NoProxy, Option, Refused, convert, option, stage_option, to_toml
from mbo_core.stages.options import options


@dataclass(frozen=True, kw_only=True)
class Many(NoProxy):
    name = "many"
    adversary: Adversary = stage_option("the adversary to train against")
    epochs: int = option(10, "passes over the data", at_least=1, at_most=1000)
    rate: float = option(0.1, "learning rate", above=0.0)
    free: float = option(0.0, "any number")
    hidden: tuple[int, ...] = option((8, 8), "widths", at_least=1)
    bootstrap: bool = option(True, "draw with replacement")
    shuffle: Literal["shared", "own"] = option("shared", "the order")
    label: str = option("a", "a text")
    limit: float | None = option(None, "a limit, or none", at_least=0.0)
    plain: int = 3
    step_size: float = option(0.01, "step of the ascent", discrete=2.0)


OPTIONS = options(Many)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epochs", 1, 1),
        ("epochs", 1000, 1000),
        ("rate", 1, 1.0),
        ("rate", 1e-9, 1e-9),
        ("free", -3, -3.0),
        ("hidden", [64, 32], (64, 32)),
        ("hidden", [], ()),
        ("bootstrap", False, False),
        ("shuffle", "own", "own"),
        ("label", "b", "b"),
        ("limit", 2, 2.0),
        ("plain", -5, -5),
    ],
)
def test_a_value_becomes_the_options_type(name, value, expected):
    converted = convert(OPTIONS[name], value)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("epochs", "many", "is 'many', not an int"),
        ("epochs", 2.0, "is 2.0, not an int"),
        ("epochs", True, "is True, not an int"),
        ("epochs", [1], "is [1], not an int"),
        ("epochs", 0, "is 0, below 1"),
        ("epochs", 1001, "is 1001, above 1000"),
        ("epochs", 10**400, f"is {10**400}, above 1000"),
        ("rate", True, "is True, not a float"),
        ("rate", "0.1", "is '0.1', not a float"),
        ("rate", 0, "is 0.0, not above 0.0"),
        ("free", math.nan, "is nan, not a finite number"),
        ("free", -math.inf, "is -inf, not a finite number"),
        ("rate", math.inf, "is inf, not a finite number"),
        ("hidden", 64, "is 64, not a list of int"),
        ("hidden", [64, 1.5], "is 1.5, not an int"),
        ("hidden", [64, True], "is True, not an int"),
        ("hidden", [64, 0], "is 0, below 1"),
        ("bootstrap", 1, "is 1, not a bool"),
        ("shuffle", "mine", "is 'mine', not one of 'shared', 'own'"),
        ("shuffle", ["own"], "is ['own'], not one of 'shared', 'own'"),
        ("label", 5, "is 5, not a str"),
        ("limit", "none", "is 'none', not a float"),
        ("limit", -1, "is -1.0, below 0.0"),
    ],
)
def test_an_invalid_value_is_refused(name, value, reason):
    with pytest.raises(Refused) as refused:
        convert(OPTIONS[name], value)
    assert str(refused.value) == reason


def test_options_are_the_fields_in_order():
    assert list(OPTIONS) == [
        "adversary", "epochs", "rate", "free", "hidden", "bootstrap", "shuffle", "label", "limit", "plain", "step_size",
    ]  # fmt: skip
    assert OPTIONS["adversary"].stage is Adversary
    assert all(one.stage is None for name, one in OPTIONS.items() if name != "adversary")
    assert {name: one.default for name, one in OPTIONS.items() if name != "adversary"} == {
        field: getattr(Many, field) for field in OPTIONS if field != "adversary"
    }
    assert OPTIONS["rate"].limits == Limits("learning rate", above=0.0)
    assert OPTIONS["adversary"].limits.doc == "the adversary to train against"


def test_a_default_depends_on_the_kind():
    assert OPTIONS["step_size"].default == 0.01
    assert OPTIONS["step_size"].by_kind == {"discrete": 2.0}
    assert OPTIONS["step_size"].defaults["continuous"] == 0.01
    assert OPTIONS["step_size"].default_on("discrete") == 2.0
    assert OPTIONS["rate"].default_on("discrete") == 0.1


def test_a_default_for_an_unknown_kind_is_refused():
    with pytest.raises(MboError, match='unknown kind of space "discreet"') as refused:
        option(0.01, "step of the ascent", discreet=2.0)
    assert refused.value.hint == 'did you mean "discrete"?'


@pytest.mark.parametrize(
    ("name", "type_name", "limits"),
    [
        ("epochs", "int", ">= 1, <= 1000"),
        ("rate", "float", "> 0"),
        ("hidden", "tuple[int, ...]", ">= 1"),
        ("shuffle", '"shared" | "own"', ""),
        ("limit", "float", ">= 0"),
    ],
)
def test_type_and_range_are_written_for_people(name, type_name, limits):
    assert OPTIONS[name].type_name == type_name
    assert OPTIONS[name].limits.range() == limits


def test_toml_has_lists_and_no_none():
    assert to_toml({"hidden": (8, 8), "limit": None, "label": "a"}) == {"hidden": [8, 8], "label": "a"}


def test_a_union_type_names_all_types():
    assert Option("cap", float | Literal["none"], 4.0, Limits(), None).type_name == 'float | "none"'
