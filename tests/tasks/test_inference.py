"""A table proposes a space, and says why."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mbo_core.errors import TaskError
from mbo_core.tasks import Space
from mbo_core.tasks.columns import Category, Sequence
from mbo_core.tasks.constraints import Linear
from mbo_core.tasks.fixed import Fixed
from mbo_core.tasks.numbers import Real, Whole

RANDOM = np.random.default_rng(5)
PLACES = [Path(place) for place in (os.environ.get("MBO_DATA_DIR"), Path(__file__).parents[3] / "shared/data") if place]


def one(cells, name="x"):
    """What a single column proposes; the column beside it only fills the table."""
    found = Space.infer({name: cells, "other": np.linspace(0, 1, len(cells)) + 0.0})
    columns = {column.name: column for column in found.space.columns}
    return columns.get(name), {**found.reasons, **found.ignored}[name]


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ([20, 47, 95, 38], Whole("x", (20, 95)), "whole amounts from 20 to 95 in steps of 1"),
        ([60, 75, 100, 85], Whole("x", (60, 100), 5), "in steps of 5"),
        ([-7, 3, 0, 12], Whole("x", (-7, 12)), "from -7 to 12"),
        (np.array([7, 2**40, 12], np.uint64), Whole("x", (7, 2**40)), "whole amounts"),
        (pd.array([3, 4, 8], dtype="Int64"), Whole("x", (3, 8)), "whole amounts"),
        ([4.0, None, 9.0], Whole("x", (4, 9)), "whole amounts from 4 to 9 in steps of 1; 1 of 3 cells empty"),
        ([1.0, 1.5, 3.0, 2.0], Real("x", (1, 3), 0.5), "amounts from 1 to 3 in steps of 0.5"),
        ([0.1 + 0.2, 0.5, 0.7], Real("x", (0.3, 0.7), 0.2 / 2), "in steps of 0.1"),
        ([75.0, 80.0, 90.0], Real("x", (75, 90), 5), "in steps of 5"),
        ([2e-6, 5e-6, 9e-6], Real("x", (2e-6, 9e-6), 1e-6), "in steps of 1e-06"),
        (np.array([0.1, 0.25, 0.4], np.float16), Real("x", (0.1, 0.4), 0.05), "in steps of 0.05"),
        (np.array([0.1, 0.25, 0.0], np.float32), Real("x", (0, 0.25), 0.05), "in steps of 0.05"),
        ([0.1234567, 2.5, 3.25], Real("x", (0.1234567, 3.25)), "without a step"),
        ([0.5, 16.0, 2.0, 0.5, 16.0, 2.0], Real("x", values=(0.5, 2, 16)), "3 settings, each seen several times: 0.5"),
        ([1e-13, 4e-13] * 3, Real("x", values=(1e-13, 4e-13)), "2 settings"),
        ([1 / 3, 2 / 3] * 4, Real("x", values=(1 / 3, 2 / 3)), "2 settings"),
        ([1.5, 2.0, 2.5] * 2, Real("x", (1.5, 2.5), 0.5), "from 1.5 to 2.5 in steps of 0.5"),
        ([5, 5, 5], Fixed("x", 5, Whole("x", (5, 5))), "it is always 5"),
        ([0.1, 0.1], Fixed("x", 0.1, Real("x", (0.1, 0.1))), "it is always 0.1"),
        (["Kim"] * 3, Fixed("x", "Kim"), 'it is always "Kim"'),
        ([True, False, True], Category("x", ("false", "true")), "category of 2 levels: false, true"),
        (pd.array([True, None, False, True], "boolean"), Category("x", ("false", "true")), "1 of 4 cells empty"),
        (["no", "yes", "yes"], Category("x", ("no", "yes")), "category of 2 levels: no, yes"),
        (["DMF", "THF", "DMF", "THF"], Category("x", ("DMF", "THF")), "category of 2 levels: DMF, THF"),
        (["DMF", "dmf ", "DMF", "dmf "], Category("x", ("DMF", "dmf ")), '"DMF" and "dmf " look like one level'),
        (pd.Categorical(["S", "M", "S"], ["S", "M", "L"]), Category("x", ("S", "M", "L")), "category of 3 levels"),
        (pd.Categorical([304, 316, 304]), Category("x", ("304", "316")), "category of 2 levels: 304, 316"),
        (["007", "012", "007"], Category("x", ("007", "012")), "category of 2 levels"),
        (["304L", "316L", "304L"], Category("x", ("304L", "316L")), "category of 2 levels: 304L, 316L"),
        (["30%", "75 % ", "60 %"], Whole("x", (30, 75), 15, unit="%"), "amounts from 30 to 75 % in steps of 15"),
        (list("abbc"), Category("x", ("a", "b", "c")), "category of 3 levels: a, b, c; 2 of them occur only once"),
        (["10.5 mL", "3 mL", "4.5 mL"], Real("x", (3, 10.5), 1.5, unit="mL"), "from 3 to 10.5 mL in steps of 1.5"),
        (["1.5", "2", "4"], Real("x", (1.5, 4), 0.5), "amounts from 1.5 to 4"),
        (["3", "4", "9"], Whole("x", (3, 9)), "whole amounts"),
        (["ACGT", "ACGA", "TCGA"], Sequence("x", 4, "ACGT"), "sequences of 4 letters over an alphabet of 4"),
        (["AC-T", "ACGA", "TCGA"], Sequence("x", 4, "-ACGT"), "an alphabet of 5"),
        (["0110", "1001", "0101"], Sequence("x", 4, "01"), "an alphabet of 2"),
        (["MKTAY", "MKTAYW", "MKTAF"], Sequence("x", 6, "AFKMTWY-", "-"), "(2 of 5, 1 of 6)"),
        (["AC-T", "ACG", "TC-A"], Sequence("x", 4, "-ACGT.", "."), 'the gap ".": or keep only the 2 of 4 letters'),
        ([["[C]", "[=O]"], ["[N]", "[C]"]], Sequence("x", 2, ("[=O]", "[C]", "[N]")), "2 tokens over an alphabet of 3"),
    ],
)  # fmt: skip
def test_a_column_is_what_its_cells_say(cells, column, reason):
    found, why = one(cells)
    assert found == column
    assert type(found) is type(column)
    assert reason in why


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("run", [1, 2, 3], "a number for each row"),
        ("exp_id", [11, 7, 3], "a number for each row"),
        ("sample", ["S-01", "S-02", "S-03"], "a name for each row (S-01, S-02, ...)"),
        ("x", ["a1", "b2", "c3"], "a name for each row"),
        ("x", ["2026-01-02", "2026-03-04 10:30", "2026-05-06"], "dates"),
        ("x", ["3.1.2026", "04.02.2026", "28.02.26"], "dates"),
        ("x", ["1/13/2026", "02/3/2026", "12/31/2026"], "dates"),
        ("x", pd.to_datetime(["2026-01-02", "2026-01-02", "2026-01-03"]), "dates"),
        ("x", [datetime.date(2026, 1, day) for day in (1, 2, 3)], "dates"),
        ("x", pd.to_timedelta([1, 2, 3], unit="h"), "durations"),
        ("x", ["clogged", None, None], "2 of 3 cells are empty"),
        ("x", ["3 Mar 2026", "04 April 2026", "1-May-26"], "dates"),
        ("x", ["10:30", "11:45", "9:05 AM"], "dates"),
        ("date", [20260319, 20260401, 20260402], "dates"),
        ("run", [1.0, 2.0, 3.0], "a number for each row"),
        ("x", ["12,5", "3,75", "4"], 'numbers with a decimal comma ("12,5"): write them with a point'),
        ("x", [None, None], "2 of 2 cells are empty"),
        ("x", ["slow", "very slow", "fast, but loud"], "3 of 3 cells occur only once"),
        ("x", ["1.2", "3.4", "<LOD", "2.2", "1.1"], '4 of 5 cells are numbers, but others are not ("<LOD")'),
        ("x", np.array([1, 2, 2**63 + 5], np.uint64), "above 2**53"),
        ("x", [[1.5, 2], [3, 4]], "lists that do not consist of text"),
    ],
)
def test_ids_dates_and_remarks_are_ignored(name, cells, reason):
    column, why = one(cells, name)
    assert column is None
    assert reason in why


@pytest.mark.parametrize(
    ("name", "asks"),
    [("steel_grade", True), ("type", True), ("CatalystCode", True), ("pressure", False), ("batch_size", False)],
)
def test_numbers_that_may_be_names_are_asked_about(name, asks):
    column, why = one([304, 316, 304, 316], name)
    assert column == Whole(name, values=(304, 316))
    assert ("304 and 316 may be names: if so, make it a category" in why) == asks


def fractions(rows, columns, step=0.05):
    """Random compositions in whole steps."""
    parts = round(1 / step)
    cuts = np.sort(RANDOM.integers(0, parts + 1, (rows, columns - 1)))
    padded = np.hstack([np.zeros((rows, 1)), cuts, np.full((rows, 1), parts)])
    return np.diff(padded) * step


def table(*blocks):
    values = np.hstack(blocks)
    return {f"c{place}": column for place, column in enumerate(values.T)}


def total(first, last, value):
    return Linear.total([f"c{place}" for place in range(first, last + 1)], value)


@pytest.mark.parametrize(
    ("columns", "sums"),
    [
        (table(fractions(20, 4)), [total(0, 3, 1)]),
        (table(RANDOM.normal(size=(20, 2)), fractions(20, 3), 1e4 * RANDOM.random((20, 1))), [total(2, 4, 1)]),
        (table(fractions(30, 4), 100 * fractions(30, 2, 0.01)), [total(0, 3, 1), total(4, 5, 100)]),
        (table(RANDOM.dirichlet([1, 1, 1], 12)), [total(0, 2, 1)]),
        (table(RANDOM.dirichlet([1] * 20, 60)), [total(0, 19, 1)]),
        (table(RANDOM.dirichlet([1, 1, 1], 40).round(3)), [total(0, 2, 1)]),
        (table(1e-6 * fractions(20, 3), RANDOM.random((20, 1)).round(1)), [total(0, 2, 1e-6)]),
        (table(fractions(20, 3).round(2), np.full((20, 1), 0.5)), [total(0, 2, 1)]),
        (table(20 + 0 * fractions(20, 1), RANDOM.integers(0, 50, (20, 2))), []),
        (table((RANDOM.random((20, 1)) * 80 + [[0]]).round(1) @ [[1.0, 1.8]] + [[0, 32]]), []),
    ],
    ids=[
        "steps", "among others", "two sums", "random", "twenty", "rounded", "tiny", "beside a constant", "none",
        "another unit",
    ],
)  # fmt: skip
def test_columns_that_add_to_a_constant_are_found(columns, sums):
    assert list(Space.infer(columns).space.constraints) == sums


@pytest.mark.parametrize("rows", [4, 8, 24])
@pytest.mark.parametrize("draw", ["bits", "levels", "decimals", "reals"])
def test_random_numbers_have_no_sum(rows, draw):
    """Small tables of coarse numbers have sums by accident."""
    draws = {
        "bits": lambda: RANDOM.integers(0, 2, (rows, 5)),
        "levels": lambda: RANDOM.integers(1, 5, (rows, 6)),
        "decimals": lambda: RANDOM.random((rows, 8)).round(1),
        "reals": lambda: RANDOM.random((rows, 10)),
    }
    for _ in range(30):
        assert Space.infer(table(draws[draw]())).space.constraints == ()


def test_gaps_do_not_hide_a_sum():
    columns = table(fractions(30, 4), RANDOM.integers(0, 50, (30, 1)))
    columns["c1"][3] = columns["c4"][20] = np.nan
    assert list(Space.infer(columns).space.constraints) == [total(0, 3, 1)]


def test_parts_of_a_sum_keep_their_steps():
    """Not their few settings, which would leave few compositions."""
    shares = np.array(
        [[0.0, 0.4, 0.6], [0.1, 0.3, 0.6], [0.0, 0.7, 0.3], [0.4, 0.3, 0.3], [0.1, 0.2, 0.7], [0.4, 0.6, 0]] * 2
    )
    space = Space.infer(table(shares)).space
    assert space.columns[0] == Real("c0", (0, 0.4), 0.1)
    assert space.constraints == (total(0, 2, 1),)


def test_the_proposal_is_printed_line_by_line():
    frame = pd.DataFrame({"run": [1, 2, 3], "hours": [4, 9, 1], "gas": ["N2", "air", "N2"], "yield": [0.1, 0.2, 0.3]})
    assert Space.infer(frame, ignore=["yield"]).lines == [
        "hours: whole amounts from 1 to 9 in steps of 1",
        "gas: category of 2 levels: N2, air",
        "run: ignored, a number for each row",
    ]


@pytest.mark.parametrize(
    ("frame", "ignore", "message"),
    [
        ({"a": [1, 2]}, ["b"], 'unknown column "b" to ignore'),
        ({"a": [1, 2]}, ["a"], "table has no column"),
        ({"id": [1, 2, 3]}, [], "table has no column that a design could consist of (id: a number for each row)"),
        ({"a": [1, 2], "b": [1]}, [], "table has columns that do not fit together"),
        ({"a": []}, [], "table has 0 rows and 1 columns"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), [], 'duplicate column "a" in the table'),
        (pd.DataFrame([[1, 2]], columns=[["a", "a"], ["b", "c"]]), [], "table has 2 rows of column names"),
    ],
)
def test_tables_that_propose_nothing_are_refused(frame, ignore, message):
    with pytest.raises(TaskError) as refused:
        Space.infer(frame, ignore)
    assert message in str(refused.value)


PUBLIC = {
    "photo_wf3.csv": (
        "degradation",
        [*(Real(f"mat_{part}", (0, 0.9 if part == 3 else 1), 0.02) for part in (1, 2, 3, 4))],
        [Linear.total(["mat_1", "mat_2", "mat_3", "mat_4"], 1)],
    ),
    "suzuki.csv": (
        "yield",
        [
            Real("temperature", (75, 90), 5),
            Real("pd_mol", values=(0.5, 2, 3.5, 5)),
            Real("arbpin", values=(1, 1.2, 1.5, 1.8)),
            Real("k3po4", (1.5, 3), 0.5),
        ],
        [],
    ),
    "reizman_suzuki_case_1.csv": (
        "yld",
        [
            Category("catalyst", ("P1-L1", "P1-L2", "P1-L3", "P1-L4", "P1-L5", "P1-L6", "P1-L7", "P2-L1")),
            Real("t_res", (60, 600), 0.1),
            Real("temperature", (30, 110), 0.1),
            Real("catalyst_loading", (0.496, 2.515), 0.001),
            Real("ton", (0.2, 84.7), 0.1),
        ],
        [],
    ),
}


def public(name):
    for place in PLACES:
        if (place / name).is_file():
            return pd.read_csv(place / name, skiprows=[1] if name.startswith("reizman") else None)
    return pytest.skip(f"{name} is missing from {' and '.join(map(str, PLACES))}")


@pytest.mark.parametrize("name", PUBLIC)
def test_public_tables_propose_their_spaces(name):
    target, columns, sums = PUBLIC[name]
    space = Space.infer(public(name), [target]).space
    assert space == Space(tuple(columns), tuple(sums))


def test_concrete_mixes_are_amounts_without_a_sum():
    space = Space.infer(public("concrete.csv"), ["strength_mpa"]).space
    assert [type(column) for column in space.columns] == [Real] * 7 + [Whole]
    assert {column.step for column in space.columns[:7]} == {0.1}
    assert space.constraints == ()
