"""A run's folder is written whole or not at all, and what is corrupt says so."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
from datetime import date
from pathlib import Path

import pytest
import torch

from mbo_core.errors import StoreError
from mbo_core.runs.store import Folder, fresh, read, slug, table, write

FULL = OSError(errno.ENOSPC, "No space left on device")


def half(path: Path, data: bytes) -> int:
    with path.open("wb") as file:
        file.write(data[: len(data) // 2])
    raise FULL


def interrupted(path: Path, data: bytes) -> int:
    with path.open("wb"):
        raise KeyboardInterrupt


def refuse(*paths: object) -> None:
    raise OSError(errno.EACCES, "Permission denied")


def listed(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("content", ["ü\n", b"\x00\xff"])
def test_writing_creates_folders_and_overwrites(content, tmp_path):
    path = tmp_path / "a" / "b" / "file"
    for _ in range(2):
        write(path, content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else "ü\n".encode())
    assert listed(tmp_path) == ["a", "a/b", "a/b/file"]


@pytest.mark.parametrize(
    ("place", "failure", "error", "reason"),
    [
        ("pathlib.Path.write_bytes", half, StoreError, "No space left on device"),
        ("os.replace", refuse, StoreError, "Permission denied"),
        ("pathlib.Path.write_bytes", interrupted, KeyboardInterrupt, ""),
    ],
    ids=["full disk", "no permission", "interrupted"],
)
def test_a_failed_write_keeps_the_old_file(place, failure, error, reason, tmp_path, monkeypatch):
    """It leaves nothing else behind."""
    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(place, failure)
    with pytest.raises(error) as raised:
        write(path, "new, and longer")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert listed(tmp_path) == ["file"]
    assert reason in str(raised.value)
    if error is StoreError:
        assert str(path) in str(raised.value)
        assert "hint: free some space, or name another --out" in str(raised.value)


def test_a_file_appears_only_when_it_is_whole(tmp_path, monkeypatch):
    seen: list[list[str]] = []
    replace = os.replace
    monkeypatch.setattr("os.replace", lambda *paths: (seen.append(listed(tmp_path)), replace(*paths)))
    write(tmp_path / "file", "text")
    [[temporary]] = seen
    assert temporary.startswith(".file.")
    assert listed(tmp_path) == ["file"]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        write(tmp_path / "file" / "inner", "text")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "run.json is corrupt"),
        (b"", "run.json is corrupt"),
        (b"\xff\xfe{}", "run.json is corrupt"),
        (b"[" * 100_000, "run.json is corrupt"),
        (None, "run.json: No such file.*\n\nhint: name the folder of one run"),
        (b"[]", "is not a run of this version"),
        (b"{}", "is not a run of this version"),
        (b'{"format": 2}', "is not a run of this version"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused(content, message, tmp_path):
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(StoreError, match=message):
        Folder(tmp_path).load_record()


def test_an_unreadable_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(StoreError, match=r"cannot create the folder .*: Permission denied"):
        Folder.create(tmp_path)


def test_any_file_is_read_by_its_own_parser(tmp_path):
    (tmp_path / "file").write_text("12", encoding="utf-8")
    assert read(tmp_path / "file", int) == 12
    with pytest.raises(StoreError, match="file is corrupt"):
        read(tmp_path / "file", lambda text: int(text, 2))


def test_a_record_comes_back(tmp_path):
    folder = Folder.create(tmp_path / "run")
    folder.record({"scores": [1.5, None], "recipe": "ü"})
    loaded = folder.load_record()
    assert len(loaded.pop("sha256")) == 64
    assert loaded == {"format": 1, "scores": [1.5, None], "recipe": "ü", "files": {}}


def test_a_record_is_standard_json(tmp_path):
    """Numbers that are not finite become null."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    folder = Folder.create(tmp_path / "run")
    folder.record({"gap": [math.nan, 1.0], "scores": {"raw": (-math.inf, 2)}, "published": date(2021, 7, 17)})
    values = json.loads((tmp_path / "run" / "run.json").read_text(), parse_constant=refuse)
    assert (values["gap"], values["scores"], values["published"]) == ([None, 1.0], {"raw": [None, 2]}, "2021-07-17")


TENSORS = {
    "designs": torch.tensor([[1e8 + 0.1, math.pi]], dtype=torch.float64),
    "encoded": torch.arange(6.0).reshape(2, 3).T,
    "tokens": torch.tensor([[3, 1]]),
    "predicted": torch.tensor([math.nan]),
}


def stored(path: Path) -> Folder:
    folder = Folder.create(path)
    folder.seed(7, TENSORS, [{"phase": "train", "step": 0, "loss": 2.0}])
    folder.designs(7, [{"design": "ACGT", "raw": 1.5}])
    return folder


def test_a_seed_comes_back_exactly(tmp_path):
    loaded = stored(tmp_path / "run").load_seed(7)
    assert loaded.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        torch.testing.assert_close(loaded[name], tensor, rtol=0, atol=0, equal_nan=True)
    assert (tmp_path / "run/seeds/7/designs.csv").read_text() == "design,raw\nACGT,1.5\n"
    assert (tmp_path / "run/seeds/7/steps.csv").read_text() == "phase,step,loss\ntrain,0,2.0\n"


@pytest.mark.parametrize("kept", [0, 5, 20, -1])
def test_a_seed_that_was_cut_off_is_refused(kept, tmp_path):
    stored(tmp_path / "run")
    path = tmp_path / "run/seeds/7/designs.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(StoreError, match=r"cannot read .*designs\.safetensors"):
        Folder(tmp_path / "run").load_seed(7)


def test_a_seed_with_one_other_byte_is_refused(tmp_path):
    folder = stored(tmp_path / "run")
    folder.record({})
    path = tmp_path / "run/seeds/7/designs.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    opened = Folder(tmp_path / "run")
    opened.load_record()
    with pytest.raises(StoreError, match=r"designs\.safetensors is corrupt: it has changed since it was written"):
        opened.load_seed(7)


def test_a_seed_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        Folder(tmp_path).load_seed(7)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("coms-TFBind8-Exact-v0", "coms-TFBind8-Exact-v0"),
        ("../../etc/passwd", "etc-passwd"),
        ("/etc/passwd", "etc-passwd"),
        ("..", "run"),
        ("", "run"),
        ("a\\b\x00c\nd", "a-b-c-d"),
        (".hidden", "hidden"),
        ("データ", "run"),
    ],
)
def test_a_name_never_leaves_its_folder(name, expected, tmp_path):
    assert slug(name) == expected
    made = fresh(tmp_path / "runs", name)
    assert made == tmp_path / "runs" / expected
    assert made.resolve().parent == (tmp_path / "runs").resolve()
    assert made.is_dir()


def test_a_taken_folder_name_is_numbered(tmp_path):
    (tmp_path / "coms-3").write_text("a file takes the name, too")
    assert [fresh(tmp_path, "coms").name for _ in range(3)] == ["coms", "coms-2", "coms-4"]


@pytest.mark.parametrize("make", [lambda path: fresh(path, "name"), lambda path: Folder.create(path / "name")])
def test_a_folder_that_cannot_be_made_is_refused(make, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as refused:
        make(tmp_path / "file")
    assert "cannot create the folder" in str(refused.value)
    assert "hint: name another --out" in str(refused.value)


def test_a_run_is_never_stored_over_something_else(tmp_path):
    empty, full, file = tmp_path / "empty", tmp_path / "full", tmp_path / "file"
    empty.mkdir()
    full.mkdir()
    (full / "thesis").write_text("")
    file.write_text("")
    assert Folder.create(empty).path == empty
    assert Folder.create(tmp_path / "new" / "one").path.is_dir()
    for taken in (full, file):
        with pytest.raises(StoreError, match="exists and is not an empty folder"):
            Folder.create(taken)


def test_a_table_has_all_columns():
    """Missing cells are empty."""
    text = table([{"a": 1, "b": 'x,"y"\n'}, {"c": 0.1}])
    assert list(csv.reader(io.StringIO(text))) == [["a", "b", "c"], ["1", 'x,"y"\n', ""], ["", "", "0.1"]]
