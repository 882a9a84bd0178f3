"""The adapter, on the package in `fake`, which has design_bench's interfaces and little else."""

from __future__ import annotations

import importlib.machinery
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from mbo_design_bench import checksums, facts, rows, shards, tf_bind_8
from mbo_design_bench.layout import Layout
from mbo_design_bench.original import adapter, export, registered, stand_ins

from mbo_core.errors import TaskError
from mbo_core.tasks import Space

FAKE = Path(__file__).with_name("fake")

X = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 0], [3, 0, 1], [0, 0, 0], [1, 1, 1]])
Y = np.array([0.1, -0.5, 0.25, 3.0, 0.7, 0.3])


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the fake package, installed in front of any real one."""
    shutil.copytree(FAKE, tmp_path / "site", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site" / "design_bench"


@pytest.fixture
def files(empty: Path) -> Path:
    """The folder of TF Bind 8's files; those of GFP lie beside it."""
    space = Space.discrete(3, 4)
    for layout in (Layout("gfp", "gfp", 2, space), Layout("tf_bind_8-SIX6_REF_R1", "tf_bind_8", 2, space)):
        shards.write(empty / layout.folder, layout, X, Y)
    return empty / layout.folder


def offers():
    return {offer.name: offer for offer in adapter.offers()}


def load(name: str = "TFBind8-Exact-v0"):
    return offers()[f"design_bench:{name}"].load()


def test_tasks_are_offered_without_an_import(fake):
    found = offers()
    kinds = {name.partition(":")[2]: (offer.kind, offer.info.oracle) for name, offer in found.items()}
    assert kinds == {
        "TFBind8-Exact-v0": ("discrete", "table"),
        **{f"GFP-{oracle}-v0": ("discrete", "learned") for oracle in ("Forest", "Fingerprint", "Pickled", "Absent")},
        "UTR-ResNet-v0": ("discrete", "learned"),
        "AntMorphology-Exact-v0": ("continuous", "simulator"),
    }
    assert "design_bench" not in sys.modules


def test_a_task_is_that_of_the_package(fake, files):
    task = load()
    rows = [X.tolist().index(design) for design in task.x.tolist()]
    assert len(set(rows)) == 3
    assert rows == sorted(rows)
    assert np.array_equal(task.y, Y.astype(np.float32)[rows])
    assert (task.y_min, task.y_max) == (-0.5, 3.0)
    assert (task.space.length, task.space.classes) == (3, 4)
    assert np.array_equal(task.oracle.score(X), Y.astype(np.float32))
    assert task.oracle.score(X[:0]).shape == (0,)
    assert {"seed": 0, "rows": 6, "visible_rows": 3}.items() <= task.info.notes.items()


def test_seed_draws_rows_and_global_generator_is_restored(fake, files):
    np.random.seed(5)
    expected = np.random.random(2)
    np.random.seed(5)
    first, task, second = np.random.random(), load(), np.random.random()
    assert [first, second] == expected.tolist()
    assert np.array_equal(task.x, load().x)


def test_a_forest_is_fitted_in_memory(fake, files):
    task, again = load("GFP-Forest-v0"), load("GFP-Forest-v0")
    assert task.info.notes["held_out_spearman"] == 0.5
    assert task.oracle.score(X[:1]) == again.oracle.score(X[:1])
    assert sorted(path.name for path in files.parent.glob("gfp/*")) == [
        f"gfp-{k}-{i}.npy" for k in "xy" for i in (0, 1)
    ]


def state():
    names = [name for name in sys.modules if name.partition(".")[0] in {"design_bench", *stand_ins.STAND_INS}]
    return sorted(names), list(sys.meta_path), {name for name in ("NINF", "PINF", "bool") if name in vars(np)}


@pytest.mark.parametrize("name", ["TFBind8-Exact-v0", "GFP-Pickled-v0"])
def test_nothing_of_the_layer_stays(fake, files, monkeypatch, name):
    theirs = ModuleType("requests")
    monkeypatch.setitem(sys.modules, "requests", theirs)
    before = state()
    try:
        load(name)
    except TaskError:
        assert name == "GFP-Pickled-v0"
    assert state() == before
    assert sys.modules["requests"] is theirs


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("GFP-Fingerprint-v0", "MorganFingerprintFeatures: Morgan fingerprints need deepchem"),
        ("GFP-Pickled-v0", "pickle: pickles can run any code"),
        ("GFP-Absent-v0", "requests.get: the server .* has been gone since January 2024"),
        ("UTR-ResNet-v0", "is not available: its oracle is a TensorFlow network packed with pickles"),
        ("AntMorphology-Exact-v0", "is not available: its walking policy is a pickle"),
    ],
)
def test_what_a_task_cannot_have_is_an_error(fake, files, name, message):
    with pytest.raises(TaskError, match=message):
        load(name)


def test_gym_is_used_where_there_is_one(monkeypatch):
    monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", lambda name: object())
    assert "gym" not in stand_ins.stand_ins()
    monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", lambda name: None)
    assert "gym" in stand_ins.stand_ins()


def test_a_missing_file_is_said_before_and_after(fake, files):
    name = "design_bench:TFBind8-Exact-v0"
    assert offers()[name].missing() is None
    (files / "tf_bind_8-y-1.npy").unlink()
    with pytest.raises(
        TaskError,
        match=r"tf_bind_8-y-1.npy is missing from .*site.design_bench_data\n\nhint: mbo data export TFBind8-Exact-v0",
    ):
        load()
    (files / "tf_bind_8-x-0.npy").unlink()
    assert "tf_bind_8-x-0.npy is missing from" in offers()[name].missing()
    assert offers()[name].missing().endswith(": mbo data export TFBind8-Exact-v0")
    assert not (fake.parent / "design_bench_data").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("x-0", X[:2], "shard 0 has 2 designs and 3 scores"),
        ("x-0", np.concatenate([X, X]), "shard 0 has 12 designs and 3 scores"),
        ("y-1", np.array([[1.0], [np.nan], [2.0]]), "not every score is a finite number"),
        ("y-1", np.array([[1.0], [None], [2.0]]), "failed to load: ValueError: .*allow_pickle"),
        ("y-1", b"\x93NUMPY", "failed to load: ValueError"),
    ],
)
def test_a_damaged_file_is_an_error(fake, files, file, content, message):
    path = files / f"tf_bind_8-{file}.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(TaskError, match=message):
        load()


def test_changed_file_is_an_error(fake, files):
    checksums.record(files / "tf_bind_8-y-1.npy", 64 * "0")
    with pytest.raises(TaskError, match=r"tf_bind_8-y-1\.npy changed since"):
        load()


@pytest.mark.parametrize(
    ("designs", "message"),
    [
        (np.array([[0, 1, 4]]), r"token outside 0\.\.3: 4 at position 2"),
        (np.array([[0, 1]]), r"shape \(1, 2\), not \(n, 3\)"),
        (np.array([[0, 1, 2], [3, 3, 3]]), "no score for design 1"),
    ],
)
def test_the_oracle_refuses_what_it_cannot_score(fake, files, designs, message):
    task = load()
    with pytest.raises(TaskError, match=message):
        task.oracle.score(designs)


def test_without_package_it_names_the_install_command(monkeypatch):
    monkeypatch.setattr(registered, "origin", lambda: None)
    [offer] = adapter.offers()
    assert offer.name == "design_bench:*"
    assert offer.missing() == "design_bench is not installed: pip install --no-deps design-bench==2.0.20"
    with pytest.raises(TaskError, match="not installed\n\nhint: pip install --no-deps"):
        offer.load()


@pytest.mark.parametrize(
    "text",
    [
        "register(",
        "register('a', 'b', 1 / 0)",
        "register('a')",
        "for i in 5: pass",
        "for i in range(2): register('', '', '')",
    ],
)
def test_a_package_that_cannot_be_read_harms_nobody(fake, text):
    (fake / "__init__.py").write_text(text)
    [offer] = adapter.offers()
    assert "the tasks of the installed design_bench cannot be read" in offer.missing()


def test_a_package_that_cannot_be_imported_says_so(fake, files):
    (fake / "disk_resource.py").write_text("import nowhere_to_be_found")
    with pytest.raises(TaskError, match="design_bench cannot be imported: ModuleNotFoundError"):
        load()


@pytest.mark.slow
def test_the_adapter_needs_no_torch(fake, files):
    code = f"""
import sys
sys.path.insert(0, {str(fake.parent)!r})
from mbo_design_bench.original import adapter
[offer] = [offer for offer in adapter.offers() if "TFBind8" in offer.name]
print(len(offer.load().x), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "3 False\n"


def test_packaged_data_are_exported_as_files(empty):
    paths = export.written(facts.TF_BIND_8, empty)
    x, y = rows.from_folder(paths[0].parent, facts.TF_BIND_8)
    ours = tf_bind_8.dataset()
    assert np.array_equal(x, ours[0])
    assert np.array_equal(y, ours[1])


def test_only_design_bench_rows_are_exported(empty, monkeypatch):
    monkeypatch.setattr(rows, "read", lambda _: (X, Y))
    with pytest.raises(TaskError, match="has 6 rows, but Design-Bench has 56086\n\nhint: `mbo data fetch GFP"):
        export.written(facts.GFP, empty)
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("folder", "way"),
    [
        ("utr", "mbo data fetch UTR-ResNet-v0"),
        (
            "chembl-MCHC-CHEMBL3885882",
            "mbo data fetch ChEMBL_MCHC_CHEMBL3885882_MorganFingerprint-RandomForest-v0 --from DIR",
        ),
        ("superconductor", "mbo data export Superconductor-RandomForest-v0"),
        ("toy_discrete", "no server has them; set the folder that has them in MBO_DATA_DIR"),
    ],
)
def test_the_way_to_a_file_is_said(empty, folder, way):
    (empty / "superconductor.npz").touch()
    dataset = next((name for name, known in registered.FOLDERS.items() if known == folder), "ChEMBLDataset")
    name = "ChEMBL_MCHC_CHEMBL3885882-RandomForest-v0" if "chembl" in folder else "Any-RandomForest-v0"
    one = registered.Registered(name, f"design_bench.datasets.discrete:{dataset}", "")
    assert adapter._missing(one, empty).endswith(f": {way}")
