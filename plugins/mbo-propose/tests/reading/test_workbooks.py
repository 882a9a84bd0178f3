"""Excel and Parquet, and what is written in their form or as text."""

from __future__ import annotations

import sys
from datetime import datetime

import openpyxl
import pandas as pd
import pytest
from mbo_propose.reading import Dialect, TableError, read
from mbo_propose.reading.delimiters import Separated
from mbo_propose.reading.writing import write

SHEET = [
    ["Oven 3", None, None, None],
    [None, None, None, None],
    ["heat", "gas", "day", "yield"],
    ["°C", None, None, "%"],
    [80, "N2", datetime(2026, 3, 1), 60.5],
    [90, "air", datetime(2026, 3, 2), "n.d."],
    [95.5, "007", None, "61,5 %"],
]


@pytest.fixture
def book(tmp_path):
    def book(**sheets):
        made = openpyxl.Workbook()
        made.remove(made.active)
        for name, rows in sheets.items():
            sheet = made.create_sheet(name)
            for row in rows:
                sheet.append(row)
        made.save(tmp_path / "lab.xlsx")
        return tmp_path / "lab.xlsx"

    return book


def test_a_sheet_is_read_like_text(book):
    table = read(book(Data=SHEET, Empty=[]))
    assert str(table.dialect) == 'Excel, sheet "Data", a line of units'
    assert table.frame["heat"].tolist() == [80, 90, 95.5]
    assert table.frame["gas"].tolist() == ["N2", "air", "007"]
    assert table.frame["day"].tolist()[0] == datetime(2026, 3, 1)
    assert table.units == {"heat": "°C", "yield": "%"}
    assert table.notes[0] == "empty sheets left out: Empty"
    assert table.rows.tolist() == [5, 6, 7]


def test_several_sheets_need_a_name(book):
    path = book(One=[["a", "b"], [1, 2]], Two=[["c", "d"], [3, 4]], Three=[])
    with pytest.raises(TableError, match="name one by --sheet: One, Two"):
        read(path)
    with pytest.raises(TableError, match='did you mean "Two"'):
        read(path, sheet="Tow")
    with pytest.raises(TableError, match="is empty"):
        read(path, sheet="Three")
    assert list(read(path, sheet="two").frame) == ["c", "d"]


def test_formulas_without_a_value_are_noted(book):
    table = read(book(Data=[["a", "b"], [1, 2], [2, "=A2+1"]]))
    assert table.notes == ["1 formulas have no value (B3): open the workbook in a spreadsheet and save it"]


def test_parquet_is_read_and_written(tmp_path):
    frame = pd.DataFrame({"heat": [1, 2], "vol": ["1 mL", "2 mL"], "gas": ["N2", None]})
    frame.to_parquet(tmp_path / "lab.parquet")
    table = read(tmp_path / "lab.parquet")
    assert (str(table.dialect), table.dialect.ending) == ("Parquet", ".parquet")
    assert table.frame["vol"].tolist() == [1, 2]
    table.write(table.frame, tmp_path / "again.parquet")
    pd.testing.assert_frame_equal(read(tmp_path / "again.parquet").frame, table.frame)


def test_a_missing_library_is_named(tmp_path, monkeypatch, book):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "lab.parquet").write_bytes(b"PAR1")
    for path, name in ((tmp_path / "lab.parquet", "pyarrow"), (book(Data=SHEET), "openpyxl")):
        with pytest.raises(TableError, match=rf'needs {name}(.|\n)*pip install "mbo-propose\[files\]"'):
            read(path)


FORMULAS = ["=1+1", "+x", "-OMe", "@SUM(A1)", "'=held", "'plain", "-", "a\tb", "x=1"]
LEVELS = pd.DataFrame({"=name": FORMULAS, "amount": range(-4, 5)})


def test_no_cell_runs_in_a_spreadsheet(tmp_path):
    write(LEVELS, tmp_path / "levels.csv", Dialect(cells=Separated(";")))
    lines = (tmp_path / "levels.csv").read_text().splitlines()
    assert lines[0] == "'=name;amount"
    assert [line.split(";")[0] for line in lines[1:5]] == ["'=1+1", "'+x", "'-OMe", "'@SUM(A1)"]
    assert lines[1].endswith(";-4")


def test_levels_like_formulas_come_back(tmp_path):
    write(LEVELS, tmp_path / "levels.csv", Dialect())
    table = read(tmp_path / "levels.csv")
    pd.testing.assert_frame_equal(table.frame, LEVELS, check_dtype=False)
    assert "keeps a spreadsheet from running" in table.notes[0]


def test_a_workbook_holds_texts_not_formulas(tmp_path):
    write(LEVELS, tmp_path / "levels.xlsx", Dialect(form="excel", sheet="Data"))
    sheet = openpyxl.load_workbook(tmp_path / "levels.xlsx")["Data"]
    assert {cell.data_type for cell in sheet["A"]} == {"s"}
    assert [cell.value for cell in sheet["B"]] == ["amount", *range(-4, 5)]
    pd.testing.assert_frame_equal(read(tmp_path / "levels.xlsx").frame, LEVELS, check_dtype=False)


def test_units_return_to_the_cells(tmp_path):
    (tmp_path / "lab.csv").write_text("vol;name\n12,5 mL;a\n3 mL;b\n")
    table = read(tmp_path / "lab.csv")
    table.write(pd.DataFrame({"vol": [0.25, None], "name": ["c", "d"], "predicted": [1.5, 2]}), tmp_path / "new.csv")
    assert (tmp_path / "new.csv").read_text() == "vol;name;predicted\n0,25 mL;c;1,5\n;d;2\n"


def test_the_line_of_units_returns(tmp_path):
    (tmp_path / "lab.csv").write_text("heat,score\n°C,%\n1,2\n2,3\n")
    read(tmp_path / "lab.csv").write(pd.DataFrame({"heat": [3], "predicted": [4.5]}), tmp_path / "new.csv")
    assert (tmp_path / "new.csv").read_text() == "heat,predicted\n°C,\n3,4.5\n"


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "new.csv").write_text("kept")
    with pytest.raises(TableError, match="exists"):
        write(LEVELS, tmp_path / "new.csv", Dialect())
    assert (tmp_path / "new.csv").read_text() == "kept"


def test_a_sign_that_the_encoding_lacks(tmp_path):
    notes = write(pd.DataFrame({"a": ["≥"], "b": [1]}), tmp_path / "new.csv", Dialect(encoding="cp1252"))
    assert notes == ['written as UTF-8: the table\'s encoding lacks "≥"']
    assert read(tmp_path / "new.csv").frame["a"].tolist() == ["≥"]
