from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from mbo_design_bench import superconductor

from mbo_core.task import Task

SUPERCONDUCTOR = "superconductor.npz"
BESIDE = Path(__file__).parents[3].parent / "shared" / "data"


def _folder(file: str) -> Path:
    places = [Path(place) for place in (os.environ.get("MBO_DATA_DIR"), BESIDE) if place]
    for place in places:
        if (place / file).is_file():
            return place
    pytest.skip(f"{file} is not in {' nor in '.join(map(str, places))}")


@pytest.fixture(scope="session")
def tf_bind_8_file() -> Path:
    return _folder("tf_bind_8_SIX6_REF_R1.npz") / "tf_bind_8_SIX6_REF_R1.npz"


@pytest.fixture(scope="session")
def superconductor_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the file: what a test writes by mistake never reaches the data themselves."""
    folder = tmp_path_factory.mktemp("data")
    shutil.copyfile(_folder(SUPERCONDUCTOR) / SUPERCONDUCTOR, folder / SUPERCONDUCTOR)
    return folder


@pytest.fixture
def superconductor_folder(superconductor_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MBO_DATA_DIR", str(superconductor_copy))
    return superconductor_copy


@pytest.fixture(scope="session")
def superconductor_task(superconductor_copy: Path) -> Task:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MBO_DATA_DIR", str(superconductor_copy))
        return superconductor.load()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without data: both places of the search exist and hold nothing."""
    named, user = tmp_path / "named", tmp_path / "user"
    named.mkdir()
    user.mkdir()
    monkeypatch.setenv("MBO_DATA_DIR", str(named))
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: user)
    return named
