from __future__ import annotations

import pickle

import numpy as np
import pytest
from mbo_design_bench import shards
from mbo_design_bench.layout import Layout

from mbo_core.errors import TaskError
from mbo_core.tasks import Space

X, Y = np.zeros((4, 5), np.int32), np.zeros((4, 1), np.float32)


@pytest.mark.parametrize(
    ("space", "x"),
    [
        (Space.discrete(5, 20), np.random.default_rng(0).integers(0, 20, (11, 5))),
        (Space.continuous(5), np.random.default_rng(0).normal(size=(11, 5)).astype(np.float32)),
    ],
)
def test_what_is_written_is_read(tmp_path, space, x):
    layout, y = Layout("a", "b", 3, space), np.linspace(0, 1, 11, dtype=np.float32)
    paths = shards.write(tmp_path, layout, x, y)
    again = shards.read(tmp_path, layout)
    assert [path.name for path in paths[:3]] == ["b-x-0.npy", "b-y-0.npy", "b-x-1.npy"]
    assert np.load(paths[0], allow_pickle=False).dtype == {"discrete": "i4", "continuous": "f4"}[space.kind]
    assert np.load(paths[1], allow_pickle=False).shape == (4, 1)
    assert np.array_equal(again[0], x)
    assert np.array_equal(again[1], y)


def test_shards_stand_in_the_order_of_their_numbers(tmp_path):
    layout = Layout("a", "b", 12, Space.continuous(1))
    y = np.arange(24.0)
    shards.write(tmp_path, layout, y[:, None], y)
    assert np.array_equal(shards.read(tmp_path, layout)[1], y)


FAULTS = {
    "x-1 missing": ("x-1", None, "gfp-x-1.npy is missing"),
    "y-2 missing": ("y-2", None, "gfp-y-2.npy is missing"),
    "fewer rows of y": ("y-1", Y[:3], "gfp-x-1.npy has 4 rows and gfp-y-1.npy has 3"),
    "x of 64 bits": ("x-0", X.astype(np.int64), "gfp-x-0.npy holds int64, not int32"),
    "x of floats": ("x-0", X.astype(np.float32), "holds float32, not int32"),
    "y of 64 bits": ("y-0", Y.astype(np.float64), "gfp-y-0.npy holds float64, not float32"),
    "x too narrow": ("x-0", X[:, :4], r"shape \(4, 4\), not \(n, 5\)"),
    "y flat": ("y-0", Y[:, 0], r"shape \(4,\), not \(n, 1\)"),
    "no row": ("x-0", X[:0], "has no rows"),
    "NaN": ("y-2", np.full_like(Y, np.nan), "gfp-y-2.npy: row 0 has nan at position 0, not a finite number"),
    "infinite": ("y-2", Y + np.float32(np.inf), "row 0 has inf"),
    "token 20": ("x-2", X + np.int32(20), r"gfp-x-2.npy: row 0 has 20 at position 0, outside 0\.\.19"),
    "token -1": ("x-2", X - np.int32(1), r"row 0 has -1 at position 0"),
    "pickled array": ("x-1", np.full((4, 5), None), "holds pickled objects, not int32"),
    "pickle": ("x-1", pickle.dumps([1, 2]), "is not an .npy file; pickles are never read"),
    "text": ("x-1", b"<html>not found</html>", "is not an .npy file"),
    "empty": ("x-1", b"", "is not an .npy file"),
    "cut": ("x-1", shards.encoded(X)[:-7], "it has 73 bytes of numbers, and its header says 80"),
    "too long": ("x-1", shards.encoded(X) + b"!", "it has 81 bytes of numbers, and its header says 80"),
    "cut header": ("x-1", shards.encoded(X)[:20], "is not an .npy file of a known version"),
    "no header": ("x-1", shards.encoded(X)[:6], "is not an .npy file of a known version"),
    "version 9": ("x-1", b"\x93NUMPY\x09\x00" + shards.encoded(X)[8:], "is not an .npy file of a known version"),
}


@pytest.mark.parametrize(("file", "content", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_an_error(small, folder, file, content, message):
    path = folder / f"gfp-{file}.npy"
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(TaskError, match=message) as raised:
        shards.read(folder, small.layout)
    assert str(folder) in str(raised.value)


def test_unreadable_folder_is_an_error(small, folder):
    path = folder / "gfp-x-0.npy"
    path.unlink()
    path.mkdir()
    with pytest.raises(TaskError, match=r"gfp-x-0.npy cannot be read: Is a directory"):
        shards.read(folder, small.layout)


def test_big_endian_shards_are_read(small, folder):
    y = np.load(folder / "gfp-y-0.npy", allow_pickle=False)
    np.save(folder / "gfp-y-0.npy", y.astype(">f4"))
    assert np.array_equal(shards.read(folder, small.layout)[1], np.arange(12))
