"""A restricted reader of old pickles of arrays and plain containers.

A pickle is a program. This reader gives it nothing to call: each of the few names that numpy writes maps to a
function of ours, which parses and checks bytes; any other name is an error. Nothing of numpy's own
unpickling runs, and an array of objects cannot be made. Before it runs, `_tame` refuses files that could
expand to huge objects (no container may be referenced twice), and `_keyed` those whose dictionaries could take hours:
Python salts the hashes of texts and bytes, but a file may choose numbers that all have the same.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from pickletools import OpcodeInfo, StackObject, genops, markobject
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError

LARGEST = 4 * 2**20
"""Limit on the bytes of a file, and of all its arrays; the controllers have about half a megabyte."""
TYPES = {f"{kind}{size}" for kind in "fiu" for size in (1, 2, 4, 8)} | {"b1"}
PLAIN = (bool, int, float, str, bytes, type(None))
ARRAYS = ("numpy.core.multiarray", "numpy._core.multiarray")
BUFFERS = ("numpy.core.numeric", "numpy._core.numeric")

PUTS, GETS = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}, {"GET", "BINGET", "LONG_BINGET"}
TEXTS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
LEAVES = {"REDUCE", "GLOBAL", "STACK_GLOBAL", *TEXTS}
"""Objects that may be memoised: names, texts, bytes, and results of names."""
KEYS = {*TEXTS, "STRING", "BINSTRING", "SHORT_BINSTRING", "BININT1", "REDUCE"}
"""What makes keys of dictionaries: texts, bytes (protocol 2 makes them by a name), and numbers of one byte."""
NEVER = {"DUP", "EXT1", "EXT2", "EXT4", "ADDITEMS", "FROZENSET"}
"""No pickler writes the first; the next refer to names by registered numbers; a set is not plain."""


class Refused(pickle.UnpicklingError):
    """Content that is neither an array nor plain."""


class Type:
    """A number type: `f4` and so on, then its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or code not in TYPES:
            raise Refused(f"an array of type {str(code)[:20]!r}")
        self.code, self.order = code, "<"

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in {"<", ">", "|"}:
            raise Refused(f"a number type of byte order {order!r}")
        self.order = str(order)

    def array(self, content: object, shape: object, columns_first: bool) -> NDArray[Any]:
        """Bytes as an array."""
        if not isinstance(content, (bytes, bytearray)):
            raise Refused("an array without bytes")
        sizes = _sizes(shape)
        dtype = np.dtype(self.order + self.code)
        if math.prod(sizes) * dtype.itemsize != len(content):
            raise Refused(f"an array of shape {shape} with {len(content)} bytes")
        return np.frombuffer(content, dtype).reshape(sizes, order="F" if columns_first else "C")


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
        """Ignore attributes, which torch adds."""


class Name:
    """The replacement of a name in a file: a function of ours that can only be called."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> Any:
        """What the function makes."""
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        """Refuse to set attributes on the function."""
        raise Refused("a change to a function")


class Reader(pickle.Unpickler):
    """Reads with the names of `NAMES` only."""

    def find_class(self, module: str, name: str) -> Any:
        """The replacement of a name.

        Raises:
            Refused: for a name that is not allowed.
        """
        if (module, name) not in NAMES:
            raise Refused(f"{module}.{name}")
        return NAMES[module, name]


def _type(code: object = None, *_: object) -> Type:
    return Type(code)


def _begin(*_: object) -> Array:
    return Array()


def _buffer(content: object, kind: object, shape: object, order: object) -> Array:
    return Array(_typed(kind).array(content, shape, order == "F"))


def _scalar(kind: object, content: object) -> Array:
    return Array(_typed(kind).array(content, (), False))


def _encode(text: object, codec: object = None) -> bytes:
    """Bytes as protocol 2 writes them."""
    if not isinstance(text, str) or codec != "latin1":
        raise Refused("bytes in an unknown encoding")
    return text.encode("latin1")


def _table(*pairs: object) -> Table:
    if pairs:
        raise Refused("a dictionary of an unknown form")
    return Table()


NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): Name(_type),
    ("numpy", "ndarray"): "ndarray",
    ("collections", "OrderedDict"): Name(_table),
    ("_codecs", "encode"): Name(_encode),
    **{(home, "_reconstruct"): Name(_begin) for home in ARRAYS},
    **{(home, "scalar"): Name(_scalar) for home in ARRAYS},
    **{(home, "_frombuffer"): Name(_buffer) for home in BUFFERS},
}


def read(path: Path, hint: str) -> Any:
    """Numbers, texts, arrays, and tuples, lists and dictionaries of them.

    Raises:
        TaskError: for an unreadable file or other content; no code of it is run.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Refused(f"more than {LARGEST} bytes")
        _tame(content)
        _keyed(content)
        return Plain().of(Reader(io.BytesIO(content)).load())
    except Refused as error:
        raise TaskError(f"{path} is refused: it has {error}, not only arrays and plain containers", hint) from error
    except UnicodeDecodeError as error:
        raise TaskError(f"{path} is refused: it has byte strings of Python 2, which wrote it", hint) from error
    except OSError as error:
        raise TaskError(f"{path} cannot be read: {error.strerror or error}", hint) from error
    except Exception as error:  # a damaged pickle may raise anything
        raise TaskError(f"{path} is damaged: {type(error).__name__}: {error}", hint) from error


def _tame(content: bytes) -> None:
    """Refuse a file that memoises anything but a leaf.

    Ten lists, each with ten references to the one before, are ten billion objects; a large memo number makes Python's
    reader allocate memory for all smaller numbers.

    Raises:
        Refused: with the reason.
    """
    before, notes = "", dict[Any, str]()
    for count, (opcode, argument, _) in enumerate(genops(content)):
        if opcode.name in NEVER:
            raise Refused(f"the opcode {opcode.name}")
        if opcode.name in GETS and notes.get(argument, "") not in LEAVES:
            raise Refused("an object with two references")
        if opcode.name in PUTS:
            number = len(notes) if argument is None else argument
            if number > count:
                raise Refused(f"the memo number {number}")
            notes[number] = before
        elif opcode.name != "FRAME":  # may be between long bytes and their memo
            before = opcode.name


def _keyed(content: bytes) -> None:
    """Refuse a dictionary with keys whose hashes a file can choose.

    Raises:
        Refused: with the reason.
        IndexError: for a file that takes more off the stack than it put there.
    """
    stack = Stack()
    for opcode, argument, _ in genops(content):
        if other := sorted({one for one in stack.keys(opcode.name) if one not in KEYS}):
            raise Refused(f"a dictionary with keys that are neither text nor bytes ({', '.join(other)})")
        stack.follow(opcode, argument)


class Stack:
    """The stack of a reader, with the opcode that made each thing in place of the thing."""

    def __init__(self) -> None:
        self.things: list[str] = []
        self.marks: list[int] = []
        self.notes: dict[Any, str] = {}

    def keys(self, opcode: str) -> list[str]:
        """What made the keys that an opcode puts into a dictionary."""
        if opcode == "SETITEM":
            return [self.things[-2]]
        return self.things[self.marks[-1] + 1 :: 2] if opcode in {"SETITEMS", "DICT"} else []

    def follow(self, opcode: OpcodeInfo, argument: Any) -> None:
        """Take off and put on what an opcode does."""
        if opcode.name in PUTS:
            self.notes[len(self.notes) if argument is None else argument] = self.things[-1]
            return
        self._take(opcode.stack_before)
        if opcode.name == "MARK":
            self.marks.append(len(self.things))
        made = self.notes[argument] if opcode.name in GETS else opcode.name
        self.things += [made] * len(opcode.stack_after)

    def _take(self, takes: list[StackObject]) -> None:
        if markobject in takes:
            del self.things[self.marks.pop() :]
            takes = takes[: takes.index(markobject)]
        for _ in takes:
            self.things.pop()
        while self.marks and self.marks[-1] >= len(self.things):
            self.marks.pop()


class Plain:
    """Replaces placeholders by arrays, and refuses objects that are not plain."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._bytes = 0

    def of(self, value: Any) -> Any:
        """The same, plain."""
        if isinstance(value, PLAIN) or value == ():  # the empty tuple is a singleton
            return value
        if isinstance(value, Array):
            return self._array(value.value)
        if id(value) in self._seen:
            raise Refused("an object with two references")
        self._seen.add(id(value))
        if isinstance(value, dict):
            return {self.of(key): self.of(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.of(one) for one in value)
        raise Refused(f"a {type(value).__name__}")

    def _array(self, value: NDArray[Any] | None) -> NDArray[Any]:
        """A copy in native byte order; many arrays could share the bytes of one."""
        if value is None:
            raise Refused("an array without numbers")
        self._bytes += value.nbytes
        if self._bytes > LARGEST:
            raise Refused(f"arrays of more than {LARGEST} bytes")
        return value.astype(value.dtype.newbyteorder("="))


def _typed(kind: object) -> Type:
    if not isinstance(kind, Type):
        raise Refused("an array of an unknown type")
    return kind


def _sizes(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or len(shape) > 32 or not all(type(size) is int and size >= 0 for size in shape):
        raise Refused("an array of an unknown shape")
    return shape
