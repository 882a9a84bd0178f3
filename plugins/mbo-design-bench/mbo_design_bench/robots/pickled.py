"""The one reader of pickles here: files of arrays and plain containers, by people who saved them long ago.

A pickle is a program. This reader runs it with nothing to call: each of the few names that numpy writes stands for a
function of ours, which takes apart bytes and checks them; every other name ends the reading. Nothing of numpy's own
unpickling runs, and an array of objects cannot be made.
"""

from __future__ import annotations

import io
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError

LARGEST = 64 * 2**20
"""Bytes; the controllers that this is for have about half a megabyte."""
TYPES = {f"{kind}{size}" for kind in "fiu" for size in (1, 2, 4, 8)} | {"b1"}
PLAIN = (bool, int, float, str, bytes, type(None))
ARRAYS = ("numpy.core.multiarray", "numpy._core.multiarray")
BUFFERS = ("numpy.core.numeric", "numpy._core.numeric")


class Refused(pickle.UnpicklingError):
    """What a file holds that is neither an array nor plain."""


class Type:
    """A number type: `f4` and so on, then its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or code not in TYPES:
            raise Refused(f"an array of the type {str(code)[:20]!r}")
        self.code, self.order = code, "<"

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in {"<", ">", "|"}:
            raise Refused(f"a number type of the byte order {order!r}")
        self.order = str(order)

    def array(self, content: object, shape: object, columns_first: bool) -> NDArray[Any]:
        """Bytes as an array."""
        if not isinstance(content, (bytes, bytearray)):
            raise Refused("an array that is not made of bytes")
        sizes = _sizes(shape)
        dtype = np.dtype(self.order + self.code)
        if math.prod(sizes) * dtype.itemsize != len(content):
            raise Refused(f"an array of shape {shape} with {len(content)} bytes")
        flat = np.frombuffer(bytes(content), dtype).astype(dtype.newbyteorder("="))
        return flat.reshape(sizes, order="F" if columns_first else "C")


class Array:
    """An array whose bytes are still to come."""

    __slots__ = ("value",)

    def __init__(self, value: NDArray[Any] | None = None) -> None:
        self.value = value

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], Type):
            raise Refused("an array of an unknown form")
        self.value = state[2].array(state[4], state[1], bool(state[3]))


class Table(dict[Any, Any]):
    """An ordered dictionary."""

    def __setstate__(self, state: object) -> None:
        """Attributes, which torch adds, are let go of."""


class Reader(pickle.Unpickler):
    """Reads with the names below and no other. They are bound methods and strings, which a pickle cannot change."""

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for.

        Raises:
            Refused: for a name that is not allowed.
        """
        known: dict[tuple[str, str], Any] = {
            ("numpy", "dtype"): self._type,
            ("numpy", "ndarray"): "ndarray",
            ("collections", "OrderedDict"): self._table,
            ("_codecs", "encode"): self._encode,
            **{(home, "_reconstruct"): self._begin for home in ARRAYS},
            **{(home, "scalar"): self._scalar for home in ARRAYS},
            **{(home, "_frombuffer"): self._buffer for home in BUFFERS},
        }
        if (module, name) not in known:
            raise Refused(f"{module}.{name}")
        return known[module, name]

    def _type(self, code: object = None, *_: object) -> Type:
        return Type(code)

    def _begin(self, *_: object) -> Array:
        return Array()

    def _buffer(self, content: object, kind: object, shape: object, order: object) -> Array:
        return Array(_typed(kind).array(content, shape, order == "F"))

    def _scalar(self, kind: object, content: object) -> Array:
        return Array(_typed(kind).array(content, (), False))

    def _encode(self, text: object, codec: object = None) -> bytes:
        """Bytes as protocol 2 writes them."""
        if not isinstance(text, str) or codec != "latin1":
            raise Refused("bytes in an unknown code")
        return text.encode("latin1")

    def _table(self, *pairs: object) -> Table:
        if pairs:
            raise Refused("a dictionary of an unknown form")
        return Table()


def read(path: Path, hint: str) -> Any:
    """Numbers, texts, arrays, and tuples, lists and dictionaries of them.

    Raises:
        TaskError: for a file that cannot be read or holds anything else; nothing of it is run.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Refused(f"more than {LARGEST} bytes")
        return _plain(Reader(io.BytesIO(content)).load())
    except Refused as error:
        raise TaskError(f"{path} is refused: it holds {error}, not only arrays and plain containers", hint) from error
    except OSError as error:
        raise TaskError(f"{path} cannot be read: {error.strerror or error}", hint) from error
    except Exception as error:  # a damaged pickle may raise anything
        raise TaskError(f"{path} is damaged: {type(error).__name__}: {error}", hint) from error


def _plain(value: Any) -> Any:
    """The same with arrays for what stands for them."""
    if isinstance(value, Array) and value.value is not None:
        return value.value
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(one) for one in value)
    if isinstance(value, PLAIN):
        return value
    raise Refused("an array without numbers" if isinstance(value, Array) else f"a {type(value).__name__}")


def _typed(kind: object) -> Type:
    if not isinstance(kind, Type):
        raise Refused("an array of an unknown type")
    return kind


def _sizes(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or len(shape) > 32 or not all(type(size) is int and size >= 0 for size in shape):
        raise Refused("an array of an unknown shape")
    return shape
