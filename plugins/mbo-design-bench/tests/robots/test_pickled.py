"""The restricted reader of pickles: arrays and plain containers pass, and nothing in a file is run."""

from __future__ import annotations

import os
import pickle
import re
import struct
import time
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mbo_design_bench.robots import pickled, policies

from mbo_core.errors import TaskError

ARRAYS = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big end first": np.arange(3, dtype=">i8"),
    "truth": np.array([True, False]),
}


def read(tmp_path, content: bytes):
    path = tmp_path / "file.pkl"
    path.write_bytes(content)
    return pickled.read(path, "get another")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays_come_back(tmp_path, array, protocol):
    found = read(tmp_path, pickle.dumps({"layer": array}, protocol))["layer"]
    assert np.array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("protocol", range(6))
def test_plain_containers_come_back(tmp_path, protocol):
    plain = OrderedDict(
        a=[1, 2.5, None], b=("text", True, b"\xff\x00"), c={"d": (3,)}, e=np.float32(0.5), f=(), g=((), [()])
    )
    assert read(tmp_path, pickle.dumps(plain, protocol)) == plain


class Runs:
    """A pickle that asks for a call."""

    def __init__(self, *call) -> None:
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


def crafted(state: bytes) -> bytes:
    """An array of numpy's making with a state of ours."""
    begin = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
    return b"\x80\x04" + begin + state + b"b."


FLOATS = b"cnumpy\ndtype\n(X\x02\x00\x00\x00f8tR(K\x03X\x01\x00\x00\x00<NNNtb"


def doubled(first: bytes, then: bytes) -> bytes:
    """Fifty things, each of which holds the one before it twice."""
    return first + b"".join(then.replace(b"%c", bytes([i])) for i in range(50))


def many_arrays(size: int, count: int) -> bytes:
    """One text of bytes, and arrays of it."""
    noted = (
        FLOATS.replace(b"f8", b"u1").replace(b"tR", b"tR\x94") + b"B" + struct.pack("<I", size) + bytes(size) + b"\x94"
    )
    one = b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01J" + struct.pack("<i", size) + b"\x85h\x00\x89h\x01tb"
    return b"\x80\x04" + noted + b"(" + one * count + b"l."


COLLIDING = 2**61 - 1
"""Python's hash of a multiple of it is 0."""

BAD = {
    "a call": (pickle.dumps(Runs(os.system, "touch ran")), "posix.system"),
    "a builtin": (pickle.dumps(Runs(eval, "1")), "builtins.eval"),
    "numpy itself": (b"cnumpy\nload\n(X\x01\x00\x00\x00atR.", "numpy.load"),
    "a dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93.", "numpy.ndarray.dumps"),
    "a class": (pickle.dumps(Fraction(1, 2)), "fractions.Fraction"),
    "an array of objects": (pickle.dumps(np.array([None, 1], dtype=object)), "an array of type 'O8'"),
    "an array of records": (pickle.dumps(np.zeros(2, dtype=[("a", "f4")])), "an array of type 'V4'"),
    "too few bytes": (crafted(b"(K\x01(K\x09t" + FLOATS + b"\x89C\x08\0\0\0\0\0\0\0\0t"), r"shape \(9,\) with 8 bytes"),
    "a list for bytes": (crafted(b"(K\x01(K\x01t" + FLOATS + b"\x89](K\x01et"), "an array without bytes"),
    "no state": (b"\x80\x04cnumpy.core.multiarray\n_reconstruct\n(tR.", "an array without numbers"),
    "a name": (b"\x80\x04cnumpy\ndtype\n.", "a Name"),
    "a change to a name": (b"\x80\x04cnumpy\ndtype\n}X\x04\x00\x00\x00evilK\x01sb.", "a change to a function"),
    "more slots of a name": (b"\x80\x04cnumpy\ndtype\nN}X\x09\x00\x00\x00_functionNs\x86b.", "a change to a function"),
    "a persistent id": (b"\x80\x04X\x01\x00\x00\x00aQ.", "damaged"),
    "cut": (pickle.dumps(ARRAYS)[:50], "damaged"),
    "text": (b"weights: none", "damaged"),
    "nothing": (b"", "damaged"),
    "itself": (b"\x80\x04]\x94h\x00a.", "an object with two references"),
    "itself, by a name": (
        b"\x80\x04ccollections\nOrderedDict\n)R\x94K\x01h\x00s.",
        "an object with two references",
    ),
    "deep": (b"\x80\x04" + b"]" * 50_000 + b"a" * 49_999 + b".", "damaged: RecursionError"),
    "a number of a registry": (b"\x80\x04\x82\x01.", "the opcode EXT1"),
    "a bomb of lists": (b"\x80\x04" + doubled(b"]\x94", b"]\x94(h%ch%ce"), "an object with two references"),
    "a bomb of keys": (
        b"\x80\x04}" + doubled(b")\x94", b"h%ch%c\x86\x94") + b"Ns.",
        "an object with two references",
    ),
    **{
        f"keys of one hash, protocol {protocol}": (
            pickle.dumps({"layer": {number * COLLIDING: None for number in range(3)}}, protocol),
            "a dictionary with keys that are neither text nor bytes",
        )
        for protocol in range(6)
    },
    "keys of one hash, one by one": (
        b"\x80\x02}" + b"".join(pickle.dumps(number * COLLIDING, 2)[2:-1] + b"Ns" for number in (1, 2, 3)) + b".",
        "a dictionary with keys that are neither text nor bytes",
    ),
    "keys of one hash in pairs": (
        pickle.dumps({(number * COLLIDING, 0): None for number in range(3)}, 4),
        "a dictionary with keys that are neither text nor bytes",
    ),
    "numbers of one hash in a set": (pickle.dumps({number * COLLIDING for number in range(3)}, 4), "ADDITEMS"),
    "nothing on the stack": (b"\x80\x02s.", "damaged: IndexError"),
    "bytes of Python 2": (b"\x80\x02U\x01\xff.", "byte strings of Python 2"),
    "a bomb of copies": (b"\x80\x04)" + b"2\x86" * 60 + b".", "the opcode DUP"),
    "a note of a large number": (b"\x80\x04K\x01r\xff\xff\xff\x7f.", "the memo number 2147483647"),
    "a note of a large number in letters": (b"K\x01p99999999999\n.", "the memo number 99999999999"),
    "many arrays of the same bytes": (many_arrays(2**20, 5), "arrays of more than 4194304 bytes"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_everything_else_is_refused(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaskError, match=message) as raised:
        read(tmp_path, content)
    assert raised.value.hint == "get another"
    assert not (tmp_path / "ran").exists()


def test_many_colliding_keys_take_no_time(tmp_path):
    """A reader that made this dictionary would need a minute."""
    pairs = b"".join(pickle.dumps(number * COLLIDING, 2)[2:-1] + b"N" for number in range(1, 20_000))
    begun = time.process_time()
    with pytest.raises(TaskError, match="neither text nor bytes"):
        read(tmp_path, b"\x80\x02}(" + pairs + b"u.")
    assert time.process_time() - begun < 3


def test_many_marks_take_no_time(tmp_path):
    begun = time.process_time()
    assert len(read(tmp_path, b"\x80\x02](" + b"N" * 20_000 + b"(t0" * 20_000 + b"e.")) == 20_000
    assert time.process_time() - begun < 3


def test_too_large_a_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pickled, "LARGEST", 100)
    with pytest.raises(TaskError, match="more than 100 bytes"):
        read(tmp_path, pickle.dumps(np.zeros(100)))


def layers(widths=(5, 7, 6, 4), **more):
    rng = np.random.default_rng(0)
    parts = zip(policies.LAYERS, widths[:-1], widths[1:], strict=True)
    found = {}
    for i, inner, outer in parts:
        found[f"base_network.network.{i}.weight"] = rng.normal(size=(outer, inner)).astype(np.float32)
        found[f"base_network.network.{i}.bias"] = rng.normal(size=outer).astype(np.float32)
    return found | more


def controller(tmp_path, content):
    path = tmp_path / "policy.pkl"
    path.write_bytes(pickle.dumps(content))
    return policies.read(path, 5, 2, "get another")


def test_a_controller_is_a_network_of_three_layers(tmp_path):
    content, seen = layers(), np.linspace(-1, 1, 5)
    w0, b0, w1, b1, w2, b2 = content.values()
    hidden = np.maximum(0, w1 @ np.maximum(0, w0 @ seen + b0) + b1)
    assert controller(tmp_path, content)(0, seen) == pytest.approx(np.tanh((w2 @ hidden + b2)[:2]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "contains a list"),
        ({"other": 1}, "lacks a layer of the controller; found other"),
        (layers((6, 7, 6, 4)), "map 5 numbers to 4"),
        (layers((5, 7, 6, 6)), "map 5 numbers to 4"),
        (layers(**{"base_network.network.2.bias": np.zeros(9)}), "map 5 numbers to 4"),
        (layers(**{"base_network.network.2.bias": np.full(6, np.nan)}), "not finite"),
    ],
)
def test_a_file_without_a_controller_is_refused(tmp_path, content, message):
    with pytest.raises(TaskError, match=message):
        controller(tmp_path, content)


def test_an_array_may_stand_twice(tmp_path):
    array = np.arange(3.0)
    first, second = read(tmp_path, pickle.dumps([array, array]))
    assert np.array_equal(first, array)
    assert np.array_equal(second, array)
    assert first.flags.writeable


def test_nothing_else_in_this_package_reads_pickles():
    home = Path(pickled.__file__).parents[1]
    found = {
        path.name
        for path in home.rglob("*.py")
        if re.search(r"Unpickler|pickle\.load|joblib|allow_pickle=True", path.read_text())
    }
    assert found == {"pickled.py"}
