from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pytest
from mbo_design_bench import checksums, data, facts, mirror, packed, rows, shards, tf_bind_10
from mbo_design_bench.original.export import export

from mbo_core.errors import TaskError
from mbo_core.stages.oracle import OracleEvaluation

FACTS = facts.TF_BIND_10
SHARD = 100_000


@pytest.fixture(scope="module")
def archive():
    for folder in data.folders():
        if (folder / FACTS.archive.file).is_file():
            return folder / FACTS.archive.file
    pytest.skip(f"{FACTS.archive.file} is missing from {data.folders()}")


def sha(table):
    return hashlib.sha256(shards.encoded(table)).hexdigest()


def test_the_checksums_of_all_files_are_known():
    for known, first in ((FACTS, "2598e826"), (facts.TF_BIND_8, "8957a728")):
        published = checksums.published(known.layout)
        assert sorted(published) == sorted(known.layout.files())
        assert published[known.layout.files()[0]].startswith(first)
    assert checksums.published(facts.GFP.layout) == {}


def test_exported_tf_bind_8_is_the_original_file(empty):
    from click.testing import CliRunner

    assert CliRunner().invoke(export, ["TFBind8-Exact-v0"], catch_exceptions=False).exit_code == 0
    folder = empty / facts.TF_BIND_8.layout.folder
    for name, digest in checksums.published(facts.TF_BIND_8.layout).items():
        assert checksums.sha256(folder / name) == digest


def test_a_published_checksum_holds_before_any_fetch(empty):
    folder = empty / FACTS.layout.folder
    x = np.zeros((4, 10))
    shards.write(folder, FACTS.layout, np.repeat(x, 42, axis=0), np.zeros(168))
    with pytest.raises(TaskError, match=r"is not the published file; SHA-256 .* expected 2598e826"):
        rows.from_folder(folder, FACTS)
    with pytest.raises(TaskError, match="is not the published file"):
        mirror.fetch(FACTS, empty)
    assert checksums.recorded(folder) == {}


def test_codes_are_letters(tmp_path):
    path = tmp_path / "packed.npz"
    np.savez(path, code=np.array([0, 1, 4, 4**10 - 1], np.uint32), y=np.zeros(4, np.float32))
    expected = [[0] * 10, [0] * 9 + [1], [0] * 8 + [1, 0], [3] * 10]
    assert packed.read(path)["x"].tolist() == expected
    for wrong in (np.array([4**10]), np.array([-1]), np.array([0.5]), np.zeros((1, 1), int), np.array([], int)):
        np.savez(path, code=wrong, y=np.zeros(1))
        with pytest.raises(TaskError, match="codes are not whole numbers from 0 to 1048575"):
            packed.read(path)


@pytest.mark.slow
def test_the_archive_is_the_shards_byte_by_byte(archive):
    found = packed.read(archive)
    for shard, (x, y) in enumerate(FACTS.layout.names(shard) for shard in range(FACTS.layout.shards)):
        part = slice(shard * SHARD, (shard + 1) * SHARD)
        published = checksums.published(FACTS.layout)
        assert sha(found["x"][part].astype(np.int32)) == published[x]
        assert sha(found["y"][part, None]) == published[y]


@pytest.mark.slow
def test_the_task_from_the_archive(archive, empty):
    shutil.copyfile(archive, empty / archive.name)
    task = tf_bind_10.load()
    assert task.x.shape == (10_000, 10)
    assert task.normalise(np.array([task.best_in_data]))[0] == pytest.approx(0.467, abs=1e-3)
    code, y = (np.load(archive, allow_pickle=False)[name] for name in ("code", "y"))
    own = y[code == code[-1]].astype(float)
    scores = OracleEvaluation().score(packed.read(archive)["x"][-1:].astype(int), task)
    width = task.y_max - task.y_min
    assert scores["raw"] == [own[-1]]
    assert scores["measurement_std"] == pytest.approx([own.std() / width])
    assert 5 <= len(own) <= 8
