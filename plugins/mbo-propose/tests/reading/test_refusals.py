"""Files that cannot be read: one clear message each, with a hint."""

from __future__ import annotations

import gzip
import io
import zipfile

import pandas as pd
import pytest
from mbo_propose.reading import TableError, read


def archive(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(name, "x")
    return content.getvalue()


def refused(source, **options) -> str:
    with pytest.raises(TableError) as caught:
        read(source, **options)
    assert caught.value.hint
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b"heat,score\n", "has a line of column names and no rows"),
        (b"heat\n1\n2\n", 'has only one column: "heat"'),
        (b"heat,score,heat\n1,2,3\n", 'duplicate column "heat"'),
        (b"heat, heat \n1,2\n", 'duplicate column "heat"'),
        (b"1,2\n3,4\n", "has no line of column names: the first line is 1, 2"),
        (b"heat,score\n1,2\n3,4,5\n", "row 3 of the table"),
        (b"heat,score\n1,5,2,5\n3,5,4,5\n", "decimal commas need another delimiter"),
        (b'heat,gas\n1,"N2\n2,air\n', "close every quote"),
        (b"heat,score\n1,2\x00\x01\x02\xff\xfe\n", "is binary"),
        (bytes(range(256)) * 8, "is binary"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is binary"),
        ("heat,gas\n1,Öl\n2,süß\n".encode() + b"3,\xe4\n", "is UTF-8, but for b'\\xe4' in line 4"),
        ("heat,gas\n1,Öl\n".encode("utf-16")[:-1], "is UTF-16, but for"),
        (b"<!DOCTYPE html><html><table>", "is a web page"),
        (b"%PDF-1.7", "is a PDF document"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "is compressed with gzip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is an Excel workbook of the old kind (.xls)"),
        (archive("x.npy"), "is a zip archive"),
        (archive("mimetypeapplication/vnd.oasis.opendocument"), "is an OpenDocument file"),
        (archive("xl/workbook.xml"), "cannot be read"),
        (b"PAR1garbage", "cannot be read"),
    ],
)
def test_content_that_is_no_table(tmp_path, content, fact):
    path = tmp_path / "lab.csv"
    path.write_bytes(content)
    assert fact in refused(path)


def test_a_path_without_a_table(tmp_path):
    (tmp_path / "yields.csv").write_text("a,b\n1,2\n")
    assert 'did you mean "yields.csv"?' in refused(tmp_path / "yield.csv")
    assert "tables there: yields.csv" in refused(tmp_path / "other.txt")
    assert "is a directory\n\nhint: tables there: yields.csv" in refused(tmp_path)
    assert "folder" in refused(tmp_path / "no/lab.csv")
    assert "cannot read" in refused(str(tmp_path / "x\0.csv"))


@pytest.mark.parametrize(
    ("frame", "fact"),
    [
        ([1, 2], "table is a list"),
        (pd.DataFrame({"a": [1]}), "only one column"),
        (pd.DataFrame({"a": [], "b": []}), "0 rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), 'duplicate column "a"'),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])), "2 rows of column names"),
        ({"a": [1, 2], "b": [1]}, "do not fit together"),
    ],
    ids=str,
)
def test_frames_that_are_no_table(frame, fact):
    assert fact in refused(frame)


def test_text_has_no_sheets(tmp_path):
    (tmp_path / "lab.csv").write_text("a,b\n1,2\n")
    assert "has no sheets" in refused(tmp_path / "lab.csv", sheet="Data")
