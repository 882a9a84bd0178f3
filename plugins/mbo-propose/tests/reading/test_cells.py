"""Cells: units, gaps, names, decimals, thousands; nothing is dropped without a note."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mbo_propose.reading import TableError, at_limits, read, target


@pytest.fixture
def table(tmp_path):
    def table(text: str, encoding: str = "utf-8", name: str = "lab.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return read(path)

    return table


@pytest.mark.parametrize(
    ("cells", "numbers", "unit"),
    [
        ("12.3 mL|10.9 mL|4 mL", [12.3, 10.9, 4], "mL"),
        ("80 °C|75.5 °C|60 °C", [80, 75.5, 60], "°C"),
        ("60.9 %|70 %|n.d.", [60.9, 70, None], "%"),
        ("60.9%|70%|<LOD", [60.9, 70, None], "%"),
        ("2h|16h|24h", [2, 16, 24], "h"),
        ("1.2e-3 M|2 M|-|", [0.0012, 2, None, None], "M"),
        ("\u22125|+3|0", [-5, 3, 0], ""),
        ("1|NA|>100", [1, None, None], ""),
        ("1,234.5|12|0.5", [1234.5, 12, 0.5], ""),
        ("1,234,567|12|0.5", [1234567, 12, 0.5], ""),
        ("1'234.50|12|1", [1234.5, 12, 1], ""),
        ("12 345|1|2.5", [12345, 1, 2.5], ""),
        ("1|#DIV/0!|#N/A", [1, None, None], ""),
    ],
)
def test_cells_of_numbers_are_read(table, cells, numbers, unit):
    read = table("\n".join(["cell|other", *(f'"{cell}"|1' for cell in cells.split("|"))]))
    assert read.frame["cell"].tolist() == pytest.approx(
        [np.nan if one is None else one for one in numbers], nan_ok=True
    )
    assert read.units.get("cell", "") == unit


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        ("12 mL|13 \u00b5L|1 mL", 'cell: read as texts, for the cells have several units: 2 "mL", 1 "\u00b5L"'),
        ("12 mL|13|14", 'cell: read as texts, for the cells have several units: 2 none, 1 "mL"'),
        ("007|12|13", 'cell: leading zeros ("007"), read as names'),
        ("1|2|3|4|x|6", 'cell: read as texts, for not all cells are numbers: 1 "x"'),
        ("N/A|DMF|N/A", 'cell: 2 cells read as empty: 2 "N/A"'),
        ("304L|316L", None),
        ("1A|2B", None),
        ("none|-|K2CO3", None),
        ("19.03.2026|20.03.2026", None),
        ("1,4-dioxane|2-MeTHF", None),
        ("-|n.d.|CuI", None),
        ("4A MS|4A MS", None),
    ],
)
def test_texts_stay_texts(table, cells, note):
    read = table("\n".join(["cell|other", *(f'"{cell}"|1' for cell in cells.split("|"))]))
    assert read.frame["cell"].dropna().tolist() == [cell for cell in cells.split("|") if cell != "N/A"]
    assert read.notes == ([note] if note else [])


def test_what_is_no_value_is_counted_aloud(table):
    read = table("heat,yield\n" + "\n".join(f"{row},{cell}" for row, cell in enumerate(["n.d.", "<LOD", "", "3.5"])))
    assert read.notes == ['yield: 1 cells read as no value: 1 "n.d."', 'yield: limits read as no value: 1 "<LOD"']
    assert read.absent == {"yield": {"n.d.": 1, "<LOD": 1, "": 1}}


def test_numbers_that_may_be_names_are_asked(table):
    read = table("catalyst,plate,hours,score\n1,4,2,0.5\n2,5,4,0.6\n3,5,8,0.7\n")
    assert [note.split(":")[0] for note in read.notes] == ["catalyst", "plate"]
    assert read.notes[0] == 'catalyst: 1 and 2 may be names: if so, make it a category (kind = "category")'


@pytest.mark.parametrize(
    ("text", "line", "heat"),
    [
        ("heat;score\n1,5;2\n2,5;3\n", "delimiter ';', decimal comma, UTF-8", [1.5, 2.5]),
        ('heat,score\n"1,5",2\n"2,25",3\n', "delimiter ',', decimal comma, UTF-8", [1.5, 2.25]),
        ("heat\tscore\n1.5\t2\n2.5\t3\n", "delimiter tab, decimal point, UTF-8", [1.5, 2.5]),
        ("heat|score\n1.5|2\n2.5|3\n", "delimiter '|', decimal point, UTF-8", [1.5, 2.5]),
        ("heat   score\n1.5   2\n2.5   3\n", "delimiter space, decimal point, UTF-8", [1.5, 2.5]),
        ("heat;score\n1.234,5;2\n2,5;3\n", "delimiter ';', decimal comma, UTF-8", [1234.5, 2.5]),
        ("heat;score\n1.234;2,5\n2.500;3\n", "delimiter ';', decimal comma, UTF-8", [1234, 2500]),
        ("'heat','score'\n'1.5','2'\n'2.5','3'\n", "delimiter ',', quote ', decimal point, UTF-8", [1.5, 2.5]),
        ("sep=;\nheat;score\n1;2\n2;3\n", "delimiter ';', decimal point, UTF-8", [1, 2]),
        ("Oven 3\n\nheat,score,gas\n1,2,N2\n2,3,air\n", "delimiter ',', decimal point, UTF-8", [1, 2]),
        ("heat,score,,\n1,2,,\n,,,\n2,3,,\n", "delimiter ',', decimal point, UTF-8", [1, 2]),
        ("heat,score\n°C,%\n1,2\n2,3\n", "delimiter ',', decimal point, UTF-8, a line of units", [1, 2]),
        ("heat,score\n[K],[-]\n1,2\n2,3\n", "delimiter ',', decimal point, UTF-8, a line of units", [1, 2]),
        ("heat,gas\nfloat,string\n1,N2\n2,N2\n", "delimiter ',', decimal point, UTF-8, a line of types", [1, 2]),
        ("heat,gas\nTYPE,DATA\n1,N2\n2,N2\n", "delimiter ',', decimal point, UTF-8, a line of types", [1, 2]),
    ],
)
def test_the_dialect_is_one_line(table, text, line, heat):
    read = table(text)
    assert (str(read.dialect), read.frame["heat"].tolist()) == (line, heat)


def test_a_sheet_from_a_german_lab(table):
    text = "Temperatur;Lösung;Ausbeute\r\n°C;mL;%\r\n80;12,5;60,9\r\n90;10,0;n.d.\r\n"
    read = table(text, "cp1252")
    assert str(read.dialect) == "delimiter ';', decimal comma, Windows-1252, a line of units"
    assert read.units == {"Temperatur": "°C", "Lösung": "mL", "Ausbeute": "%"}
    assert read.notes[0] == 'not UTF-8, read as Windows-1252 ("Lösung"): if that is wrong, save it as UTF-8'


@pytest.mark.parametrize(
    ("first", "rows"),
    [
        ("failed,%", "1,2\n3,4\n"),  # a word that is no unit
        ("n.d.,-", "1,2\n3,4\n"),  # no value
        ("5,%", "1,2\n3,4\n"),  # a number
    ],
)
def test_a_row_is_no_line_of_units(table, first, rows):
    assert len(table(f"heat,score\n{first}\n{rows}").frame) == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('heat,score\n"1,234",2\n"2,500",3\n', 1234),
        ("heat;score\n1,234;2\n2,500;3\n", 1.234),
        ("heat;score\n1.234;2\n2.500;3\n", 1.234),
    ],
)
def test_decimals_or_thousands_are_asked(table, text, value):
    read = table(text)
    assert read.frame["heat"][0] == value
    assert "may have decimals or thousands" in read.notes[0]


def test_another_sign_in_one_column_is_noted(table):
    read = table("a;b;c\n1,5;2,5;0.5\n2,5;3,5;1.5\n")
    assert read.frame["c"].tolist() == [0.5, 1.5]
    assert read.notes == ["c: decimal point, unlike the other columns"]


def test_short_rows_and_titles_are_noted(table):
    read = table("# oven 3\nheat,gas,score\n1,N2,2\n2\n")
    assert read.notes == [
        '1 line above the column names left out ("# oven 3")',
        "1 row with fewer than 3 cells, the others read as empty: 4",
    ]
    assert read.rows.tolist() == [3, 4]


def test_rows_are_counted_as_in_the_file(table):
    assert table("heat,score\n\n1,2\n,\n2,3\n").rows.tolist() == [3, 5]


def test_frames_are_read_and_left_alone():
    frame = pd.DataFrame({"vol": ["1 mL", "2 mL", None], "n": [1, 2, 3], "day": pd.Timestamp("2026-03-01")})
    before = frame.copy()
    read_ = read(frame)
    assert read_.frame["vol"].tolist()[:2] == [1, 2]
    assert read_.units == {"vol": "mL"}
    assert read_.frame["day"].dtype.kind == "M"
    pd.testing.assert_frame_equal(frame, before)
    assert str(read_.dialect) == "a frame"


def test_names_of_columns_hold_units(table):
    read = table("temp [°C],flow_ml_min,yield_pct,vitamin_C,x (red)\n1,2,3,4,5\n2,3,4,5,6\n")
    assert read.units == {"temp [°C]": "°C", "flow_ml_min": "ml/min", "yield_pct": "%"}


def test_standard_input_is_read(monkeypatch):
    class Stdin:
        buffer = __import__("io").BytesIO(b"heat,score\n1,2\n2,3\n")

    monkeypatch.setattr("sys.stdin", Stdin)
    assert read("-").name == "table"


def test_target_reads_scores(table):
    rows = "".join(f"{row},{row / 2}\n" for row in range(9))
    found = target(table(f"heat,Yield_pct\n{rows}10,n.d.\n11,\n"), "yield_PCT")
    assert np.isnan(found.scores).sum() == 2
    assert (found.name, found.unit) == ("Yield_pct", "%")
    assert found.notes == [
        'target "yield_PCT": the column is called "Yield_pct"',
        '2 of 11 rows have no Yield_pct (1 blank, 1 "n.d.")',
    ]


@pytest.mark.parametrize(("sign", "better"), [(1, '; those of ">90 %" may be better than that'), (0, "")])
def test_limits_with_numbers_count_as_those(table, sign, better):
    read = table("heat,yield\n1,12.5 %\n2,>90 %\n3,<LOD\n4,<0.5\n5,n.d.\n6,>1 g\n")
    found = at_limits(read, "yield", sign)
    assert found.frame["yield"].tolist() == pytest.approx([12.5, 90, np.nan, 0.5, np.nan, np.nan], nan_ok=True)
    assert found.absent == {"yield": {"<LOD": 1, "n.d.": 1, ">1 g": 1}}
    assert found.notes == [
        'yield: 1 cells read as no value: 1 "n.d."',
        'yield: the unit "%" was read off the cells',
        f'yield: limits count as the number that they name: 1 ">90 %", 1 "<0.5"{better}',
        'yield: limits read as no value: 1 "<LOD", 1 ">1 g"',
    ]
    assert at_limits(found, "yield", sign) is found
    assert read.frame["yield"].isna().sum() == 5


@pytest.mark.parametrize("name", ["heat", "other"])
def test_limits_of_inputs_stay_no_values(table, name):
    read = table("heat,other,yield\n>90,1,3\n5,2,4\n")
    assert at_limits(read, "yield").frame["heat"].isna().sum() == 1
    assert at_limits(read, name).frame["yield"].tolist() == [3, 4]


def test_a_target_like_a_loss_asks(table):
    read = table("heat,impurity_pct\n" + "".join(f"{row},{row}\n" for row in range(9)))
    assert "--minimize" in target(read, "impurity_pct").notes[0]
    assert target(read, "impurity_pct", minimize=True).notes == []
    assert target(read, "impurity_pct", minimize=False).notes == []


GOOD = [*map(str, range(9))]


@pytest.mark.parametrize(
    ("name", "cells", "fact"),
    [
        ("yeild", GOOD, 'did you mean "yield"?'),
        ("zzz", GOOD, "columns: heat, yield"),
        ("yield", [*GOOD, "failed"], 'cells that are no numbers: 1 "failed"'),
        ("yield", [*"abcdefghi"], 'is a column of texts ("a")'),
        ("yield", ["1 mg", "2 g", *GOOD], "several units"),
        ("yield", ["3"] * 9, 'target "yield" is always 3'),
        ("yield", ["n.d."] * 9, 'target "yield" has no score: 9 "n.d."'),
        ("yield", [""] * 9, 'target "yield" has no score: 9 blank'),
        ("yield", [*GOOD, "inf"], 'target "yield" is infinite in row 11'),
        ("yield", ["1", "2", "n.d.", ""], "has a score in 2 of 4 rows: 1 blank, 1 \"n.d.\""),
        ("yield", ["1", "2", "3"], "has a score in 3 of 3 rows: there are only 3 rows"),
    ],
)  # fmt: skip
def test_targets_that_cannot_be_used(table, name, cells, fact):
    read = table("heat,yield\n" + "".join(f"{row},{cell}\n" for row, cell in enumerate(cells)))
    with pytest.raises(TableError) as caught:
        target(read, name)
    assert fact in str(caught.value)
    assert caught.value.hint
