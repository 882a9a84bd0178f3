"""Randomness as data: splittable, counter-based keys, as in JAX.

A key is an int64 tensor (2,) of two 32-bit words. It is spent once: either split it, or fold an integer in, or
draw one thing from it. Nothing here has a state or touches torch's generators (except `lend`), so
every function gives the same numbers alone and lifted with `torch.func.vmap(randomness="error")`, and works on the
key's device.

The algorithm is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
as 1, 2, 3", SC 2011). It enciphers 64-bit counters. Each use of a key has its own counters, distinguished by
their high word, and for one key different counters give different blocks; so `split`, `fold_in` and the draws from
the same key never share a block:

| use | high word | low word |
|---|---|---|
| `bits` and all draws | 0 | the block's index |
| `split` | 1 | the child's index |
| `fold_in` | 2**31 + bits 32 to 62 of the integer | its bits 0 to 31 |

Two draws from the same key do overlap. `bits`, `uniform`, `randint`, `permutation` and `bootstrap` are exact
integer arithmetic, the same on every machine; `normal` and `categorical` may differ in the last bit between
processors.

    >>> noise, order = split(key(7))
    >>> normal(noise, (2, 3)).shape
    torch.Size([2, 3])
    >>> sorted(permutation(order, 4).tolist())
    [0, 1, 2, 3]
    >>> torch.func.vmap(lambda k: uniform(k, (5,)))(split(key(7), 16)).shape
    torch.Size([16, 5])
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from mbo_core.stages.data import Key

_MASK = 0xFFFFFFFF
_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_TWO_COPIES = (1 << 32) + 1
_DRAW, _SPLIT, _FOLD = 0, 1, 1 << 31
_FEW = 32
"""The words of the keys times the blocks for each, at most, that are enciphered as plain integers."""

_Word = Any


def threefry2x32(key: Key, counters: Tensor) -> Tensor:
    """Encipher counters: Threefry-2x32, 20 rounds.

    Args:
        key: (..., 2) int64, words in [0, 2**32).
        counters: (..., 2) int64, words in [0, 2**32), the high word first; its leading axes and the key's broadcast.

    Returns:
        (..., 2) int64, words in [0, 2**32); a bijection of the counters for every key.
    """
    return torch.stack(_encipher(key, counters[..., 0], counters[..., 1]), dim=-1)


def _encipher(key: Key, high: Tensor | int, low: Tensor) -> tuple[Tensor, Tensor]:
    """The two words, each (...), for counters with the words `high` and `low` (...)."""
    first, second = key[..., 0], key[..., 1]
    if not _are_few(key, low):
        return _rounds(first, second, high, low)
    words = torch.broadcast_tensors(first, second, torch.as_tensor(high), low)  # type: ignore[no-untyped-call]
    blocks = [_rounds(*each) for each in zip(*(word.flatten().tolist() for word in words), strict=True)]
    left, right = torch.tensor(blocks, dtype=torch.int64).reshape(*words[0].shape, 2).unbind(-1)
    return left, right


def _are_few(*words: Tensor) -> bool:
    """Whether plain integers are faster than tensors: a hundred operations on a tensor cost as much as 15 blocks."""
    seen = [word.device.type == "cpu" and not is_functorch_wrapped_tensor(word) for word in words]
    return all(seen) and math.prod(word.numel() for word in words) <= _FEW


def _rounds(first: _Word, second: _Word, high: _Word, low: _Word) -> tuple[_Word, _Word]:
    """Encipher the counter (high, low) with the key (first, second): integers, or tensors of them."""
    schedule = (first, second, first ^ second ^ _PARITY)
    right = low + second & _MASK
    # Both words are fresh tensors with every vmap level of key and counters from here on, so writing in place is
    # safe; it is four times as fast.
    left = first + high + 0 * right
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            # `left` may keep carries above its 32 bits, for nothing shifts it down. To rotate `right` is to look at two
            # copies of it side by side; the product's bit 63 may wrap, and is never looked at as `distance` exceeds 0.
            left += right
            right *= _TWO_COPIES
            right >>= 32 - distance
            right ^= left
            right &= _MASK
        left += schedule[(group + 1) % 3]
        right += schedule[(group + 2) % 3] + (group + 1)
        right &= _MASK
    return left & _MASK, right


def key(seed: int, device: torch.device | str | None = None) -> Key:
    """The key of a seed, an integer in [0, 2**64).

    >>> key(2**32 + 5)
    tensor([1, 5])
    """
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"a seed must be an integer from 0 to 2**64 - 1, not {seed}")
    return torch.tensor([seed >> 32, seed & _MASK], dtype=torch.int64, device=device)


def split(key: Key, n: int = 2) -> Tensor:
    """Derive n keys, (n, 2); the first ones are the same whatever n is."""
    return torch.stack(_encipher(key, _SPLIT, torch.arange(n, device=key.device)), dim=-1)


def fold_in(key: Key, data: int | Tensor) -> Key:
    """Derive a key from an integer; different integers in [0, 2**63) give different keys.

    Args:
        key: (..., 2) int64: one key or many.
        data: the integer; as a tensor, int64 (...), it must not be negative either, which is not checked. Its axes and
            the leading ones of `key` broadcast.

    Returns:
        (..., 2) int64.
    """
    if isinstance(data, int) and not 0 <= data < 1 << 63:
        raise ValueError(f"fold_in takes an integer from 0 to 2**63 - 1, not {data}")
    folded = torch.as_tensor(data, dtype=torch.int64, device=key.device)
    return torch.stack(_encipher(key, folded >> 32 | _FOLD, folded & _MASK), dim=-1)


def _blocks(key: Key, n: int) -> tuple[Tensor, Tensor]:
    """The first n blocks of a key's draws as two words, each (n,)."""
    return _encipher(key, _DRAW, torch.arange(n, device=key.device))


def bits(key: Key, shape: Sequence[int]) -> Tensor:
    """Draw uniform 32-bit words, int64 (*shape) in [0, 2**32)."""
    size = math.prod(shape)
    words = torch.cat(_blocks(key, (size + 1) // 2))
    return words[:size].reshape(tuple(shape))


def uniform(key: Key, shape: Sequence[int]) -> Tensor:
    """Draw from U[0, 1), float32 (*shape), with 24 random bits each."""
    return (bits(key, shape) >> 8).to(torch.float32) * 2.0**-24


def normal(key: Key, shape: Sequence[int]) -> Tensor:
    """Draw from N(0, 1), float32 (*shape), by inverting the error function; at most 5.42 in size, never 0."""
    # The odd multiples of 2**-24 in (-1, 1): exact in float32, symmetric, and short of the infinite ends.
    centred = (bits(key, shape) >> 8).to(torch.float32) * 2.0**-23 - (1 - 2.0**-24)
    return torch.erfinv(centred) * math.sqrt(2)


def permutation(key: Key, n: int) -> Tensor:
    """Draw a permutation of n, (n,) int64."""
    left, right = _blocks(key, n)
    # 63 bits each: two of 1e6 are equal with probability 5e-8.
    return torch.sort((left << 31) | (right >> 1), stable=True).indices


def randint(key: Key, shape: Sequence[int], high: int) -> Tensor:
    """Draw integers, int64 (*shape) in [0, high), for a `high` of at most 2**31.

    Each value's probability is within 2**-32 of 1/high, a relative bias of at most high / 2**32.
    """
    if not 0 < high <= 1 << 31:
        raise ValueError(f"`high` must be an integer from 1 to 2**31, not {high}")
    return (bits(key, shape) * high) >> 32


def bootstrap(key: Key, n: int) -> Tensor:
    """Draw n of n rows with replacement: the count of each row, (n,) float32, summing to n."""
    none = torch.zeros(n, dtype=torch.float32, device=key.device)
    return none.scatter_add(0, randint(key, (n,), max(n, 1)), torch.ones_like(none))


def categorical(key: Key, logits: Tensor) -> Tensor:
    """Draw a class for each row of logits, by the Gumbel-max trick.

    Args:
        key: (2,) int64.
        logits: (..., K) unnormalised log-probabilities; -inf is never drawn if another class is finite.

    Returns:
        (...) int64 in [0, K).
    """
    # A standard Gumbel variable is -log of an exponential one. All 32 bits matter where that is small, as
    # the winner is found there; at its other end the logarithm of 0 is avoided.
    chance = ((bits(key, logits.shape).to(torch.float32) + 0.5) * 2.0**-32).clamp(max=1 - 2.0**-24)
    return torch.argmax(logits - torch.log(-torch.log1p(-chance)), dim=-1)


@contextmanager
def lend(key: Key) -> Iterator[None]:
    """Seed the global generators of torch, numpy and Python from a key, and restore them afterwards.

    For code that draws from a global generator, e.g. `torch.nn.Linear` or another library, in a stage with
    `lift = "loop"`::

        with keys.lend(key):
            net = torch.nn.Linear(3, 1)
    """
    seed = int(bits(key, (1,))[0])
    numpy_state, python_state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)
