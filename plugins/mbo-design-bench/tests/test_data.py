from __future__ import annotations

from pathlib import Path

import numpy as np
import platformdirs
import pytest
from mbo_design_bench import data

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


def test_a_found_file_is_not_missing(empty):
    assert data.missing("a.npz") == f"a.npz is not in {empty} nor in {empty.parent / 'user'}"
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
