"""A disk that is full: what is computed is stored elsewhere, and the record says so if it can."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from stopping import files, run, stopped

from mbo_core.errors import StoreError
from mbo_core.runs import checkpoints
from mbo_core.runs.condition import PROGRESS


class Full:
    """From the n-th write of a name on, nothing can be written in a folder but what is named."""

    def __init__(self, folder: Path, name: str, at: int = 1, but: str = "no") -> None:
        self.folder, self.name, self.left, self.but = folder, name, at, but
        self.write = Path.write_bytes

    def __call__(self, path: Path, data: bytes) -> int:
        inside = self.folder in path.parents
        self.left -= inside and self.name in path.name
        if inside and self.left <= 0 and self.but not in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.write(path, data)


@pytest.fixture
def full(tmp_path, monkeypatch):
    """`full("designs.safetensors")`: the folder of a run whose disk is full from there on."""
    monkeypatch.setattr("mbo_core.runs.seeds.AT_ONCE", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()

    def fill(name: str, at: int = 1, but: str = "no") -> Path:
        full = Full(tmp_path / "run", name, at, but)
        monkeypatch.setattr(Path, "write_bytes", lambda path, data: full(path, data))
        return tmp_path / "run"

    return fill


@pytest.mark.parametrize(
    ("name", "at", "kept"),
    [("designs.safetensors", 2, 2), ("designs.csv", 3, 3), ("progress.json", 2, 1), ("run.json", 3, 2)],
)
def test_what_is_computed_goes_on_elsewhere(name, at, kept, full, tmp_path, monkeypatch):
    folder = full(name, at)
    with pytest.raises(StoreError, match=rf"No space left on device; .* \({kept} of 3 seeds\) is stored in ") as said:
        run(folder)
    moved = next((tmp_path / "elsewhere").iterdir())
    assert f'continue there with mbo.run("{moved}", task' in str(said.value)
    assert json.loads((moved / "run.json").read_text())["status"] == "failed"
    monkeypatch.undo()
    monkeypatch.setattr("mbo_core.runs.seeds.AT_ONCE", 1)
    run(moved)
    run(tmp_path / "whole")
    assert files(moved) == files(tmp_path / "whole")
    assert not list(moved.rglob("*.part"))


def test_the_record_says_so_if_it_can(full):
    folder = full("designs.safetensors", 2, but="run.json")
    with pytest.raises(StoreError):
        run(folder)
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "failed"
    assert "No space left on device" in record["failed"]["5"]
    assert record["candidates"]["distinct"][1:] == [None, None]


def test_a_disk_full_from_the_start(full):
    with pytest.raises(StoreError, match=r"cannot write .*No space left on device"):
        run(full("recipe.toml"))


def test_no_room_for_checkpoints_is_a_warning(full, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(checkpoints.VARIABLE, "0")
    full("train.safetensors")
    monkeypatch.setattr(Path, "write_bytes", _only(Path.write_bytes, tmp_path / "run" / checkpoints.FOLDER))
    run(tmp_path / "run", seeds=1)
    assert capsys.readouterr().err.count("no checkpoint of the phase train,") == 1
    assert not (tmp_path / "run" / PROGRESS).exists()


def _only(refuse, folder):
    """Refuse to write in a folder alone."""
    real = refuse.__closure__[0].cell_contents.write
    return lambda path, data: refuse(path, data) if path.parent == folder else real(path, data)


def test_on_a_full_disk_checkpoints_stay(full, tmp_path, monkeypatch):
    """A run that is resumed there has nothing new to store elsewhere."""
    folder = tmp_path / "run"
    monkeypatch.setenv(checkpoints.VARIABLE, "0")
    stopped(folder, 9)
    kept = files(folder / checkpoints.FOLDER)
    assert kept
    full("run.json")
    with pytest.raises(StoreError, match="No space left on device"):
        run(folder)
    assert files(folder / checkpoints.FOLDER) == kept
