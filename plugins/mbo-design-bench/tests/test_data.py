from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from mbo_design_bench import data, shards

from mbo_core.errors import TaskError


def test_the_named_folder_comes_first(empty):
    user = empty.parent / "user"
    (user / "a.npz").touch()
    assert data.find("a.npz") == user / "a.npz"
    (empty / "a.npz").touch()
    assert data.find("a.npz") == empty / "a.npz"


def test_no_folder_is_named(monkeypatch):
    user = platformdirs.user_data_path("mbo", appauthor=False)
    monkeypatch.delenv("MBO_DATA_DIR", raising=False)
    assert data.folders() == [user]
    monkeypatch.setenv("MBO_DATA_DIR", "")
    assert data.folders() == [user]


def test_a_home_folder_is_spelt_out(monkeypatch):
    monkeypatch.setenv("MBO_DATA_DIR", "~/tables")
    assert data.folders()[0] == Path.home() / "tables"


def test_a_folder_is_no_file(empty):
    (empty / "a.npz").mkdir()
    assert data.find("a.npz") is None


def test_unreadable_folder_is_an_error(empty, locked):
    """It is not skipped for the next folder."""
    with locked(empty), pytest.raises(TaskError, match=r"a\.npz cannot be read: Permission denied") as raised:
        data.find("a.npz")
    assert "MBO_DATA_DIR" in raised.value.hint


HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }"
HOSTILE = {
    "a petabyte": HEADER % ("<f4", "250000000000000,"),
    "no row of too many columns": HEADER % ("<f4", "0, 1000000000000000000000"),
    "a shape of truth": HEADER % ("<f4", "True,"),
    "objects": HEADER % ("|O", "3,"),
    "records": HEADER % ("V8", "1,"),
    "deep": "(" * 9000,
    "deep signs": "-" * 9000 + "1",
    "a call": "__import__('os').getcwd()",
}


def hostile(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + b"1234"


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_is_an_error(tmp_path, header):
    (tmp_path / "a-x-0.npy").write_bytes(hostile(header))
    with pytest.raises(TaskError, match=r"a-x-0\.npy"):
        shards.load(tmp_path / "a-x-0.npy", "a-x-0.npy", "f4")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", hostile(header))
    with pytest.raises(TaskError, match=r"a\.npz cannot be read: ."):
        data.arrays(tmp_path / "a.npz", ("x",))


@pytest.mark.parametrize("place", [(6, 8), (8, 10)], ids=["encrypted", "packed in an unknown way"])
def test_damaged_archive_is_an_error(tmp_path, place):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", shards.encoded(np.zeros(1)))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    for number in (place[0], content.index(b"PK\x01\x02") + place[1]):
        content[number] = 99
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(TaskError, match=r"a\.npz cannot be read"):
        data.arrays(tmp_path / "a.npz", ("x",))


def test_a_found_file_is_not_missing(empty):
    assert data.missing("a.npz") == f"a.npz is missing from {empty} and {empty.parent / 'user'}"
    (empty / "a.npz").touch()
    assert data.missing("a.npz") is None


def test_a_fingerprint_sees_every_number_and_no_format():
    numbers = np.arange(6, dtype=np.float32)
    other = numbers.copy()
    other[5] = np.nextafter(other[5], np.float32(9))
    original = data.fingerprint({"x": numbers, "y": other})
    assert data.fingerprint({"y": other.astype(">f4"), "x": numbers}) == original
    assert data.fingerprint({"x": numbers, "y": numbers}) != original
    assert data.fingerprint({"x": other, "y": other}) != original


def test_what_cannot_be_opened_is_an_error(tmp_path):
    with pytest.raises(TaskError, match="cannot be read"):
        data.arrays(tmp_path, ())
