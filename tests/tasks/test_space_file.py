"""A space is written to a file, corrected there, and read back exactly."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spaces import RANDOM, spaces

from mbo_core.errors import TaskError
from mbo_core.tasks.columns import Category, Sequence
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Real, Whole
from mbo_core.tasks.space import OWN_COLUMNS, Space
from mbo_core.tasks.space_file import read_space, write_space
from mbo_core.tasks.space_table import from_table, to_table

INF = math.inf
ODD = [
    Real("free"),
    Real("half", (-INF, 80.0)),
    Real("other half", (1e-300, INF), log=True, unit="m²/s"),
    Real("thirds", values=(1 / 3, 2 / 3)),
    Whole("even", (-4, 8), 2),
    Whole("cycles", values=(1, 3)),
    Category("solvent", ("DMF", "a  b", 'say "x", please'), {"b.p. °C": (153.0, 0.1, -7.0)}),
    Sequence("tokens", 3, classes=5),
    Sequence("selfies", 2, ("[C]", "[=O]"), "[C]"),
    Sequence("dna", 4, "ACGT"),
    Category("gas", ("N2", "air"), {"mass": (28.0, 29.0)}, ("Ar", "304")),
    Sequence("rna", 4, "ACG-", "-", outside=("N", "U")),
    Fixed("kept", 5),
    Fixed("operator", "Kim"),
    Fixed("held", 0.5, Real("held", (0, 1), 0.25)),
    Fixed("dry", True),
    Fixed("core", ("[C]", "[=O]"), Sequence("core", 2, ("[C]", "[=O]"))),
    Fixed("codes", [0, 2], Sequence("codes", 2, classes=3)),
]
PROPOSED = Space(
    (
        Real("temp_C", (40.0, 120.0), 0.5),
        Real("load", values=(0.5, 1.0, 2.0)),
        Whole("grade", values=(304, 316)),
        Fixed("speed", 300, Whole("speed", (300, 300))),
        Real("a", (0, 1), 0.1),
        Real("b", (0, 1), 0.1),
    ),
    (Linear.total("ab", 1),),
)


def through_file(space, folder):
    write_space(folder / "space.toml", space)
    return read_space(folder / "space.toml")


def corrected(tmp_path, text, proposed=PROPOSED):
    (tmp_path / "space.toml").write_text(text, encoding="utf-8")
    return read_space(tmp_path / "space.toml", proposed)


def test_odd_columns_come_back_exactly(tmp_path):
    space = Space(tuple(ODD), (Linear({"free": 2.0, "even": -1.0}, upper=3.0), Linear.total(["half", "held"], 1)))
    assert through_file(space, tmp_path) == space
    assert from_table(json.loads(json.dumps(to_table(space), allow_nan=False))) == space


@RANDOM
@given(spaces())
def test_any_space_comes_back_exactly(tmp_path_factory, space):
    assert through_file(space, tmp_path_factory.mktemp("any")) == space
    assert from_table(json.loads(json.dumps(to_table(space), allow_nan=False))) == space


@RANDOM
@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True),
    st.text(min_size=1).filter(lambda name: name not in OWN_COLUMNS),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300),
)
def test_any_text_and_number_comes_back_exactly(tmp_path_factory, levels, name, bound):
    space = Space((Category(f"{name}!", tuple(levels)), Real(name, (bound, INF))))
    assert through_file(space, tmp_path_factory.mktemp("any")) == space


def test_a_file_is_written_for_people(tmp_path):
    write_space(tmp_path / "space.toml", Space((Real("heat", (40, 80), 5), Category("gas", ("N2", "air")))))
    assert (tmp_path / "space.toml").read_text(encoding="utf-8") == (
        '[columns.heat]\nkind = "real"\nbounds = [40.0, 80.0]\nstep = 5.0\n\n'
        '[columns.gas]\nkind = "category"\nlevels = ["N2", "air"]\n'
    )
    assert [path.name for path in tmp_path.iterdir()] == ["space.toml"]


def test_kinds_are_read_off_the_keys(tmp_path):
    text = """
    columns.heat = {bounds = [40, 80]}
    columns.gas = {levels = ["N2", 5]}
    columns.dna = {length = 2, alphabet = "ACGT"}
    columns.speed = {value = 300}
    columns.load = {upper = 3, values = [1, 4, 2]}
    """
    assert corrected(tmp_path, text, None) == Space(
        (
            Real("heat", (40, 80)),
            Category("gas", ("N2", "5")),
            Sequence("dna", 2, "ACGT"),
            Fixed("speed", 300),
            Real("load", values=(1, 2)),
        )
    )


@pytest.mark.parametrize(
    ("text", "name", "column"),
    [
        ("[columns.temp_C]\nbounds = [40, 80]", "temp_C", Real("temp_C", (40, 80), 0.5)),
        ("[columns.temp_C]\nupper = 80", "temp_C", Real("temp_C", (40, 80), 0.5)),
        ("[columns.temp_C]\nvalues = [10, 60]", "temp_C", Real("temp_C", values=(10, 60))),
        ('[columns.temp_C]\nkind = "whole"', "temp_C", Whole("temp_C", (40, 120))),
        ("[columns.temp_C]\nvalue = 60", "temp_C", Fixed("temp_C", 60, Real("temp_C", (40, 120), 0.5))),
        ('[columns.temp_C]\nkind = "fixed"\nvalue = 60', "temp_C", Fixed("temp_C", 60, Real("temp_C", (40, 120), 0.5))),
        ("[columns.load]\nbounds = [0, 3]\nstep = 0.5", "load", Real("load", (0, 3), 0.5)),
        ("[columns.load]\nupper = 1.5", "load", Real("load", values=(0.5, 1))),
        ('[columns.load]\nunit = "%"', "load", Real("load", values=(0.5, 1, 2), unit="%")),
        ('[columns.grade]\nkind = "category"', "grade", Category("grade", ("304", "316"))),
        ('[columns.grade]\nkind = "category"\nlevels = ["a"]', "grade", Category("grade", ("a",))),
        ("[columns.speed]\nbounds = [200, 400]", "speed", Whole("speed", (200, 400))),
        ("[columns.speed]\nignore = false", "speed", Fixed("speed", 300, Whole("speed", (300, 300)))),
        ('[columns.gas]\nkind = "category"\nlevels = ["N2", "air"]', "gas", Category("gas", ("N2", "air"))),
    ],
)
def test_a_file_changes_what_it_names(tmp_path, text, name, column):
    found = corrected(tmp_path, text)
    others = [one for one in PROPOSED.columns if one.name != name]
    assert [one for one in found.columns if one.name == name] == [column]
    assert [one for one in found.columns if one.name != name] == others
    assert found.constraints == PROPOSED.constraints


@pytest.mark.parametrize(
    ("text", "constraints"),
    [
        ("sums = []", ()),
        ('[[sums]]\ncolumns = ["a", "load"]\nequals = 1', (Linear.total(["a", "load"], 1),)),
        ("[[constraints]]\ncoefficients = {a = 2}\nlower = 1", (Linear.total("ab", 1), Linear({"a": 2}, lower=1))),
        ("[columns.a]\nignore = true", ()),
        ("[columns.a]\nkind = 'category'\nlevels = ['x']", ()),
    ],
)
def test_sums_of_a_file_replace_the_proposed(tmp_path, text, constraints):
    assert corrected(tmp_path, text).constraints == constraints


MISTAKES = """[columns.temp_C]
bounds = [80, 40]
stp = 5
[columns.load]
levels = ["a"]
unit = 3
[columns.tmp_C]
upper = 50
[columns.grade]
kind = "cat"
[column.a]
[[sums]]
columns = ["a", "b"]
[[sums]]
columns = ["a"]
equals = 1
weight = 3
"""


def test_all_mistakes_come_with_their_lines(tmp_path):
    with pytest.raises(TaskError) as refused:
        corrected(tmp_path, MISTAKES)
    message = str(refused.value)
    assert message.startswith("9 mistakes in the space\n")
    for mistake in [
        'space.toml:3: unknown key "stp" of column "temp_C"\n    hint: did you mean "step"?',
        'space.toml:1: column "temp_C" has bounds from 80 to 40',
        'space.toml:5: "levels" of column "load", which is real\n    hint: known: bounds',
        'space.toml:6: column "load" has unit = 3\n    hint: give a text',
        'space.toml:7: unknown column "tmp_C"\n    hint: did you mean "temp_C"?',
        'space.toml:9: unknown kind "cat" of column "grade"',
        'space.toml:11: unknown key "column"\n    hint: did you mean "columns"?',
        "space.toml:12: sum lacks its columns or its value",
        'space.toml:14: unknown key "weight" of [[sums]]',
    ]:
        assert mistake in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns = 3", "space.toml:1: columns is not a table"),
        ("columns.a = 3", 'space.toml:1: column "a" is 3'),
        ("sums = 3", "space.toml:1: sums is not a list"),
        ("sums = [3]", "space.toml:1: sums has 3"),
        ("[columns.a]\nbounds = 3", "space.toml:2: column \"a\" has bounds = 3\n\nhint: give two numbers"),
        ("[columns.a]\nstep = true", 'space.toml:2: column "a" has step = True'),
        ("[columns.a]\nbounds = [nan, 1]", 'space.toml:2: column "a" has bounds = [nan, 1]'),
        ("[columns.temp_C]\nstep = 500", 'space.toml:1: step 500 of column "temp_C" exceeds its range'),
        ("[columns.temp_C]\nvalue = 500", 'space.toml:1: fixed value 500 of column "temp_C" is not one of its values'),
        ("[columns.g]\nkind='category'\nlevels=['x', 'x']", 'space.toml:1: duplicate level "x" in column "g"'),
        ("[columns.g]\nkind='category'", 'space.toml:1: column "g" is category and has no levels'),
        ("[columns.g]\nkind='fixed'", 'space.toml:1: column "g" is fixed and has no value'),
        ("[columns.g]\nkind='sequence'\nalphabet='AC'", 'space.toml:1: column "g" is sequence and has no length'),
        ("[[sums]]\ncolumns=['a', 'bb']\nequals=1", 'space.toml:1: constraint a + bb = 1: unknown column "bb"'),
        ("[[sums]]\ncolumns=['a', 'b']\nequals=5", "space.toml:1: no design satisfies all constraints: a + b = 5"),
        ("constraints=[{coefficients={a=1}}]", "space.toml:1: constraint lacks its coefficients or its ends"),
        ("constraints=[{coefficients={a=1}, lower=2, upper=1}]", "space.toml:1: constraint"),
        ("columns.a.ignore = true\n[[sums]]\ncolumns=['a']\nequals=1", "space.toml:2: constraint"),
        ("= 3", "is not valid TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path, text, message):
    with pytest.raises(TaskError) as refused:
        corrected(tmp_path, text)
    assert message in str(refused.value)


def test_constraints_are_also_refused_together(tmp_path):
    """Each may be possible, and both not."""
    text = "[[sums]]\ncolumns=['a', 'b']\nequals=0.5\n[[constraints]]\ncoefficients={a=1, b=1}\nlower=0.6"
    with pytest.raises(
        TaskError, match=r"space.toml: no design satisfies all constraints: a \+ b = 0.5; 0.6 <= a \+ b"
    ):
        corrected(tmp_path, text)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(TaskError, match="cannot read the space file"):
        read_space(tmp_path / "space.toml")
