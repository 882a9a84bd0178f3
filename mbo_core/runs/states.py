"""Convert a stage's state to tensors and JSON and back, to store it without pickle.

A state is a nest (tuples, named tuples, lists, dicts, dataclasses) of tensors, plain values (None, bool, int, float,
str) and objects with `state_dict()` and `load_state_dict()`: modules, optimisers, schedulers. For such
an object only the state dict is kept, and it is loaded into an object made by the stage's `init`.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Protocol, TypeAlias, runtime_checkable

import optree
import torch
from torch import Tensor

from mbo_core.errors import MboError, reason_of

Json: TypeAlias = Any
"""A JSON value: nested pairs `[kind, content]`."""

DTYPES = frozenset(
    {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
    | {torch.float16, torch.bfloat16, torch.float32, torch.float64}
)
"""The dtypes supported by safetensors."""

_SEQUENCES = {"list": list, "tuple": tuple}
_MAPPINGS = {"dict": dict, "OrderedDict": OrderedDict, "Counter": Counter}


class Unstorable(MboError):
    """A state with a value that is neither a tensor nor JSON."""


class StateMismatch(MboError):
    """A stored state that does not match this stage with these options and data."""


@runtime_checkable
class WithStateDict(Protocol):
    """A module, an optimiser, a scheduler, or anything else saved through a state dict."""

    def state_dict(self) -> Any:
        """The state: a nest of tensors and plain values."""

    def load_state_dict(self, state_dict: Any) -> Any:
        """Restore the state."""


def pack(state: Any, layout: torch.memory_format = torch.contiguous_format) -> tuple[dict[str, Tensor], Json]:
    """A state as tensors by name, and a description of its structure.

    The tensors are copies on the processor, contiguous unless another layout is asked for. `unpack` undoes it:

    >>> tensors, described = pack({"weight": torch.ones(2), "steps": 3})
    >>> tensors
    {"state['weight']": tensor([1., 1.])}
    >>> unpack(tensors, described, like={"weight": torch.zeros(2), "steps": 0})
    {'weight': tensor([1., 1.]), 'steps': 3}

    Raises:
        Unstorable: with the place of the unsupported value.
    """
    tensors: dict[str, Tensor] = {}
    described = _described(state, "state", tensors)
    return {name: tensor.clone(memory_format=layout) for name, tensor in tensors.items()}, described


def unpack(tensors: Mapping[str, Tensor], described: Json, like: Any) -> Any:
    """Rebuild a state from the output of `pack`.

    Args:
        tensors: by name.
        described: the structure.
        like: a fresh state of the same stage, from its `init`; it is not changed.

    Raises:
        StateMismatch: with every difference from `like` in structure, shape or dtype.
        Unstorable: if `like` itself cannot be stored.
    """
    fresh, expected = pack(like)
    try:
        wrong = [*_other_structure(described, expected, "state"), *_other_tensors(tensors, fresh)]
        if wrong:
            raise StateMismatch("the stored state does not fit: " + "; ".join(wrong))
        # One deep copy, as an optimiser shares the weights of its module.
        return _filled(described, deepcopy(like), "state", tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise StateMismatch(f"the stored state cannot be read: {reason_of(error)}") from error


def _described(value: Any, where: str, tensors: dict[str, Tensor]) -> Json:
    if isinstance(value, Tensor):
        tensors[where] = _storable(value, where)
        return ["tensor", where]
    if value is None or type(value) in (bool, int, str):
        return ["plain", value]
    if type(value) is float:
        return ["float", value.hex()]  # JSON knows no NaN
    if isinstance(value, WithStateDict):
        return ["state_dict", _described(value.state_dict(), where, tensors)]
    kind, parts = _parts(value, where)
    return [kind, [[key, _described(part, _inside(where, kind, key), tensors)] for key, part in parts.items()]]


def _storable(tensor: Tensor, where: str) -> Tensor:
    if tensor.layout is not torch.strided or tensor.dtype not in DTYPES:
        raise Unstorable(f"{where} cannot be stored: it is a tensor of {tensor.dtype}, {tensor.layout}")
    return tensor.detach().cpu()


def _parts(value: Any, where: str) -> tuple[str, Mapping[Any, Any]]:
    """The kind of a container, and its items by name, key or position."""
    kind = type(value).__name__
    if type(value) is _SEQUENCES.get(kind):
        return kind, dict(enumerate(value))
    if type(value) is _MAPPINGS.get(kind) and all(type(key) in (str, int) for key in value):
        return kind, value
    if optree.is_namedtuple_instance(value):
        return "fields", value._asdict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return "fields", {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    hint = "keep tensors, plain values, and objects with state_dict() and load_state_dict(); dict keys are str or int"
    raise Unstorable(f"{where} cannot be stored: it is {type(value).__module__}.{type(value).__qualname__}", hint)


def _inside(where: str, kind: str, key: int | str) -> str:
    return f"{where}.{key}" if kind == "fields" else f"{where}[{key!r}]"


def _other_structure(node: Json, expected: Json, where: str) -> Iterator[str]:
    """The differences between a described state and a fresh one; state dicts are checked when loaded."""
    (kind, content), (wanted, fresh) = node, expected
    plain = {"plain", "float"}
    if kind != wanted and not {kind, wanted} <= plain:
        yield f"{where} is stored as {kind}, but should be {wanted}"
    elif kind not in {*plain, "tensor", "state_dict"}:
        stored, fresh = dict(content), dict(fresh)
        for key in [*fresh, *(key for key in stored if key not in fresh)]:
            inside = _inside(where, kind, key)
            if key not in stored or key not in fresh:
                yield f"{inside} is {'missing' if key in fresh else 'unknown'}"
            else:
                yield from _other_structure(stored[key], fresh[key], inside)


def _other_tensors(tensors: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> Iterator[str]:
    for name, expected in fresh.items():
        if name not in tensors:
            yield f"the tensor {name} is missing"
        elif (tensors[name].shape, tensors[name].dtype) != (expected.shape, expected.dtype):
            yield f"{name} is {_looks(tensors[name])}, but should be {_looks(expected)}"


def _looks(tensor: Tensor) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)}".removeprefix("torch.")


def _filled(node: Json, like: Any, where: str, tensors: Mapping[str, Tensor]) -> Any:
    """The state of a node, built from `like`, which is consumed."""
    kind, content = node
    if kind == "state_dict":
        return _loaded(like, _value(content, tensors), where)
    if kind == "tensor":
        return _tensor(tensors[content], like)
    if kind in {"plain", "float"}:
        return _value(node, tensors)
    _, parts = _parts(like, where)
    filled = {key: _filled(part, parts[key], _inside(where, kind, key), tensors) for key, part in content}
    return _fields(like, filled) if kind == "fields" else _container(kind, filled)


def _tensor(stored: Tensor, like: Tensor) -> Tensor:
    if not like.requires_grad:
        return stored.to(like.device, copy=True)
    # In place, as an optimiser may hold this same tensor.
    with torch.no_grad():
        return like.copy_(stored)


def _loaded(like: WithStateDict, state_dict: Any, where: str) -> Any:
    try:
        like.load_state_dict(state_dict)
    except Exception as error:
        # A third-party object may raise anything.
        reason = " ".join(str(error).split())
        raise StateMismatch(
            f"{where}: {type(like).__name__}.load_state_dict refuses the stored state: {reason}"
        ) from error
    return like


def _fields(like: Any, filled: Mapping[str, Any]) -> Any:
    if optree.is_namedtuple_instance(like):
        return type(like)(**filled)
    for name, value in filled.items():
        object.__setattr__(like, name, value)  # also where it is frozen
    return like


def _container(kind: str, filled: Mapping[Any, Any]) -> Any:
    return _SEQUENCES[kind](filled.values()) if kind in _SEQUENCES else _MAPPINGS[kind](filled)


def _value(node: Json, tensors: Mapping[str, Tensor]) -> Any:
    """The value of a node of a state dict, from the description alone, as a fresh optimiser has no moments yet."""
    kind, content = node
    if kind == "tensor":
        return tensors[content].clone()
    if kind == "plain":
        return content
    if kind == "float":
        return float.fromhex(content)
    return _container(kind, {key: _value(part, tensors) for key, part in content})
