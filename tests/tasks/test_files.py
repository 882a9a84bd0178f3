"""Tables from files: what is read, what is left out and counted, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.errors import MboError

LAB = """\
id,temp,gas,note,waste
1,20,N2,,3.5
2,40,air,leak,
3,,N2,,2.5
4,60,none,,1.5
5,80,air,,0.5
"""


@pytest.fixture
def lab(tmp_path):
    path = tmp_path / "lab.csv"
    path.write_text(LAB)
    return path


def test_rows_without_score_or_input_are_counted(lab):
    task = mbo.read_table(lab, target="waste", minimize=True)
    assert task.name == "lab"
    assert task.y.tolist() == [-3.5, -1.5, -0.5]
    assert task.notes[:2] == [
        "1 of 5 rows have no waste and were left out",
        "1 of 4 rows have an empty input (temp: 1) and were left out",
    ]


def test_whole_numbers_stay_whole_despite_gaps(lab):
    task = mbo.read_table(lab, target="waste")
    assert "temp: whole amounts from 20 to 80 in steps of 20" in task.notes
    assert type(task.space.cells(task.x[1])["temp"]) is int


def test_a_column_that_a_person_ignores_is_noted(lab):
    task = mbo.read_table(lab, target="waste", ignore=["temp"])
    assert task.space.names == ("gas",)
    assert "temp: ignored, as asked" in task.notes
    assert task.y.tolist() == [3.0, 1.5, 0.5]  # the two rows with N2 are one design


def test_the_source_reads_the_same_task_again(lab, tmp_path):
    (tmp_path / "limits.toml").write_text("[columns.temp]\nbounds = [20, 60]\n")
    task = mbo.read_table(lab, target="waste", weights="id", space=tmp_path / "limits.toml")
    source = task.source
    assert source.settings() == {
        "task": str(lab), "sha256": source.sha256, "target": "waste", "weights": "id", "space": "space.toml",
    }  # fmt: skip
    assert source.space == "[columns.temp]\nbounds = [20, 60]\n"
    assert source.change() is None
    lab.write_text(LAB.replace("3.5", "3.6"))
    assert "has changed" in source.change()
    lab.unlink()
    assert "no longer there" in source.change()


def test_arrays_are_inferred_like_a_table(tmp_path):
    path = tmp_path / "bath.npz"
    np.savez(path, x=[[20.0, 0.1], [40.0, 0.3], [60.0, 0.2]], y=[1.0, np.nan, 3.0], names=["temp", "acid"])
    task = mbo.read_table(path, target="rate")
    assert task.space.names == ("temp", "acid")
    assert task.target == "rate"
    assert task.y.tolist() == [1.0, 3.0]


def test_words_in_an_array_are_sequences(tmp_path):
    np.savez(tmp_path / "dna.npz", x=np.array(["ACGT", "ACGA", "TCGA"]), y=[1, 2, 3], weights=[1.0, 1.0, 2.0])
    task = mbo.read_table(tmp_path / "dna.npz")
    assert task.kind == "discrete"
    assert task.table.weights.tolist() == [1.0, 1.0, 2.0]


BAD = [
    ("a.csv", b"a,y\n1,2\n", {}, ["missing target", "(--target); columns: a, y"]),
    ("a.csv", b"yield,a\n1,2\n", {"target": "yeild"}, ['unknown column "yeild"', 'did you mean "yield"? col']),
    ("a.csv", b"a,y\n1,2\n", {"target": "y", "ignore": ["q"]}, ['unknown column "q" for --ignore', "columns: a, y"]),
    ("a.csv", b"a,y\n1,2\n", {"target": "y", "ignore": ["y"]}, ['column "y" is to be ignored and is used']),
    ("a.csv", b"a,b,y\n1,2,3\n", {"target": "y", "weights": "c"}, ['unknown column "c" for --weights']),
    ("a.csv", b"a,a,y\n1,2,3\n", {"target": "y"}, ['duplicate column "a"']),
    ("a.csv", b"-a,'-a,y\n1,2,3\n", {"target": "y"}, ['duplicate column "-a"']),
    ("a.csv", b"a;y\n1;2\n", {"target": "y"}, ["has only one column: a;y", "commas"]),
    ("a.csv", b"", {"target": "y"}, ["cannot be read as CSV"]),
    ("a.csv", b"a,y\n\xff,1\n", {"target": "y"}, ["cannot be read as CSV", "UTF-8"]),
    ("a.csv", b"a,y\n1,2\n1,2,3,4,5\n", {"target": "y"}, ["cannot be read as CSV"]),
    ("a.csv", b"a,y\n1,\n2,\n", {"target": "y"}, ['no row of the table', '"y"']),
    ("a.csv", b"a,b,y\n1,,2\n,1,2\n", {"target": "y"}, ["every row of the table", "lacks an input"]),
    ("a.csv", b"a,y\n1,n.d.\n2,3\n", {"target": "y"}, ['score "n.d." in row 0', "is not a number"]),
    ("a.xlsx", b"", {"target": "y"}, ["unsupported ending", ".csv, .npz"]),
    ("a.npz", b"PK", {}, ["cannot be read as .npz"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "options", "words"), BAD)
def test_bad_files_give_one_clear_error(name, content, options, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MboError) as refused:
        mbo.read_table(path, **options)
    for word in words:
        assert word in str(refused.value)


def test_a_column_may_have_any_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("self,y\n" + "".join(f"{'ab'[row % 2]},{row}\n" for row in range(8)))
    assert mbo.read_table(path, target="y").space.names == ("self",)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(MboError, match="cannot read the table"):
        mbo.read_table(tmp_path / "none.csv", target="y")


@pytest.mark.parametrize(
    ("arrays", "word"),
    [
        ({"x": [[1.0]]}, 'no array "y"'),
        ({"x": [[1.0]], "y": [1.0], "z": [1.0]}, 'unknown array "z"'),
        ({"x": [[1.0]], "y": [1.0, 2.0]}, "do not fit together"),
        ({"x": [[1.0]], "y": [1.0], "names": ["a", "b"]}, "2 names for 1 columns"),
        ({"x": [[[1.0]]], "y": [1.0]}, "x has shape"),
        ({"x": [[1.0]], "y": [1.0], "names": ["score"]}, "duplicate column"),
        ({"x": np.array([[{}]], dtype=object), "y": [1.0]}, "cannot be read as .npz"),
    ],
    ids=str,
)
def test_bad_arrays_give_one_clear_error(arrays, word, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(MboError, match=word.replace('"', ".")):
        mbo.read_table(tmp_path / "a.npz")
