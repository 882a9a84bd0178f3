from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mbo_design_bench import facts, shards, superconductor
from mbo_design_bench.layout import Facts, Layout

from mbo_core.tasks import Space, Task

collect_ignore = ["fake"]  # it imports what nobody has

SUPERCONDUCTOR = "superconductor.npz"
BESIDE = Path(__file__).parents[3].parent / "shared" / "data"


def _folder(file: str) -> Path:
    places = [Path(place) for place in (os.environ.get("MBO_DATA_DIR"), BESIDE) if place]
    for place in places:
        if (place / file).is_file():
            return place
    pytest.skip(f"{file} is missing from {' and '.join(map(str, places))}")


@pytest.fixture(scope="session")
def tf_bind_8_file() -> Path:
    return _folder("tf_bind_8_SIX6_REF_R1.npz") / "tf_bind_8_SIX6_REF_R1.npz"


@pytest.fixture(scope="session")
def ni_superalloys_file() -> Path:
    return _folder("ni_superalloys.npz") / "ni_superalloys.npz"


@pytest.fixture(scope="session")
def bace_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, for the data folder may be read only."""
    path = tmp_path_factory.mktemp("bace") / "bace.csv"
    shutil.copyfile(_folder("bace.csv") / "bace.csv", path)
    return path


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


CAN_READ_ALL = 1 << 1 | 1 << 2
"""Linux's CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, by which root reads and writes what nobody may."""


@pytest.fixture
def locked() -> Callable[[Path], AbstractContextManager[None]]:
    """Takes a folder's permissions away for a while, and root's right to read it all the same."""

    @contextmanager
    def lock(folder: Path) -> Iterator[None]:
        mode = folder.stat().st_mode
        folder.chmod(0)
        try:
            with _without(CAN_READ_ALL) if os.geteuid() == 0 else nullcontext():
                yield
        finally:
            folder.chmod(mode)

    return lock


@contextmanager
def _without(rights: int) -> Iterator[None]:
    """Give up capabilities for a while; to become another user would lose the right to read Python's own files too."""
    system = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # of version 3, for this thread
    before, less = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert system.capget(header, before) == 0
    less[:] = [before[0] & ~rights, *before[1:]]
    assert system.capset(header, less) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert system.capset(header, before) == 0


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with the archives of GFP and UTR; it may be read only."""
    return _folder("utr.npz")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Facts:
    """A task like GFP, 3 shards of 4 rows."""
    layout = Layout("gfp", "gfp", 3, Space.discrete(5, 20))
    known = replace(facts.GFP, layout=layout, rows=12, limit=None, percentiles=(0, 50), y_min=0.0, y_max=11.0)
    monkeypatch.setattr(facts, "ALL", (known, facts.UTR, facts.CHEMBL, facts.TF_BIND_8))
    return known


@pytest.fixture
def folder(small: Facts, tmp_path: Path) -> Path:
    """The shards of the small task, with y = 0 to 11."""
    x = np.random.default_rng(0).integers(0, 20, (12, 5))
    shards.write(tmp_path / "given" / "gfp", small.layout, x, np.arange(12.0))
    return tmp_path / "given" / "gfp"
