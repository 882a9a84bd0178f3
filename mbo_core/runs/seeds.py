"""Lift functions of one seed to many seeds at once.

Seeds that can be stacked go through `torch.func.vmap`. A stage with `lift = "loop"` is called for one seed after
another, and its state may be any object.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter
from typing import Any, Literal, cast

import optree
import torch
from torch import Tensor
from torch.func import vmap

from mbo_core.functional import keys
from mbo_core.stages.contracts import Stage, with_inner

Mode = Literal["vmap", "loop"]
Returns = Literal["state", "tensors"]

AT_ONCE = 16
"""The maximum number of stacked seeds."""

STACK_BYTES = 32 * 2**20
"""The maximum total size of the proxy states of stacked seeds.

Measured on two cores: beyond the processor's cache, products gain nothing from stacking, and the memory-bound update
of the weights gets slower. 32 MB stacks 16 seeds of two layers of 256, and one of 2048.
"""


class PerSeed(list[Any]):
    """The states of seeds run one after another."""


def mode(*stages: Stage) -> Mode:
    """`loop` if any of the stages or their inner stages asks for it."""
    return "loop" if any(one.lift == "loop" for stage in stages for one in with_inner(stage)) else "vmap"


def lift(function: Callable[..., Any], how: Mode, *returns: Returns) -> Callable[..., Any]:
    """Lift a function of one seed's arguments to all seeds.

    Args:
        function: takes one seed's values.
        how: stack the seeds, or loop over them.
        returns: the kind of each of its results; a single result is not a tuple.

    Returns:
        A function whose arguments are nests of tensors with a leading seed axis, or `PerSeed`. Results marked
        `tensors` have a leading seed axis in both modes; those marked `state` are as the mode keeps them.
    """
    if how == "vmap":
        return vmap(function, randomness="error")

    def looped(*arguments: Any) -> Any:
        results = [function(*each) for each in zip(*map(unstack, arguments), strict=True)]
        if len(returns) == 1:
            return _gather(results, returns[0])
        return tuple(
            _gather(list(column), kind) for column, kind in zip(zip(*results, strict=True), returns, strict=True)
        )

    return looped


def _gather(values: list[Any], kind: Returns) -> Any:
    return PerSeed(values) if kind == "state" else stack(values)


def stack(values: Sequence[Any]) -> Any:
    """Join nests of tensors, one per seed, into one nest with a leading seed axis."""
    return optree.tree_map(lambda *leaves: torch.stack(leaves), *values, namespace="mbo")


def unstack(values: Any) -> list[Any]:
    """Undo `stack`: one nest per seed."""
    if isinstance(values, PerSeed):
        return list(values)
    count = len(cast(Tensor, optree.tree_leaves(values)[0]))
    return [optree.tree_map(itemgetter(i), values) for i in range(count)]


@dataclass(frozen=True, eq=False)
class BySeed(Mapping[int, Any]):
    """Values by seed.

    Attributes:
        seeds: the seeds, in order.
        lifted: a nest of tensors with a leading seed axis, or `PerSeed`: the input and output of `lift`.
    """

    seeds: tuple[int, ...]
    lifted: Any

    @classmethod
    def of(cls, values: Mapping[int, Any], how: Mode) -> BySeed:
        """Join the values of single seeds in the form of a mode."""
        each = list(values.values())
        return cls(tuple(values), PerSeed(each) if how == "loop" or not each else stack(each))

    def __getitem__(self, seed: int) -> Any:
        if seed not in self.seeds:
            raise KeyError(seed)
        position = self.seeds.index(seed)
        if isinstance(self.lifted, PerSeed):
            return self.lifted[position]
        return optree.tree_map(itemgetter(position), self.lifted)

    def __iter__(self) -> Iterator[int]:
        return iter(self.seeds)

    def __len__(self) -> int:
        return len(self.seeds)

    def only(self, seeds: Iterable[int]) -> BySeed:
        """The values of some seeds, in the given order."""
        kept = tuple(seeds)
        index = [self.seeds.index(seed) for seed in kept]
        if isinstance(self.lifted, PerSeed):
            return BySeed(kept, PerSeed(self.lifted[i] for i in index))
        return BySeed(kept, optree.tree_map(lambda leaf: leaf[index], self.lifted))

    def without(self, failed: Container[int]) -> BySeed:
        """The values of the seeds that did not fail."""
        return self.only(seed for seed in self.seeds if seed not in failed)


def bytes_of(state: Any) -> int:
    """The total bytes of the tensors of a state; other objects count as 0."""
    leaves = [leaf for leaf in optree.tree_leaves(state) if isinstance(leaf, Tensor)]
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves)


def at_once(state: Any) -> int:
    """The number of seeds to stack, from one seed's proxy state; independent of the number of seeds in the run."""
    return max(1, min(AT_ONCE, STACK_BYTES // max(1, bytes_of(state))))


def groups(seeds: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """Split the seeds, in order, into groups of at most `size`."""
    return [tuple(seeds[start : start + size]) for start in range(0, len(seeds), size)]


class Stream(IntEnum):
    """The stream of random keys of each stage, so that changing the update does not affect the training.

    The numbers here and below define the meaning of a seed: changing one changes the designs of every seed.
    """

    ENCODING = 0
    PROXY = 1
    """Its uses are `batches.Use`."""
    AUDIT = 2
    UPDATE = 3
    EVALUATION = 4
    """The noise of an oracle that takes a key."""


class Audit(IntEnum):
    """The numbers folded into the key of the stream `AUDIT`."""

    ROWS = 0
    MINE = 1


class Search(IntEnum):
    """The numbers folded into the key of the stream `UPDATE`; for `STEP`, the step's number is then folded in."""

    INIT = 0
    STEP = 1


def stream_keys(seeds: Sequence[int], stream: Stream, device: torch.device | str) -> Tensor:
    """One key per seed for a stage, (seeds, 2)."""
    return keys.fold_in(torch.stack([keys.key(seed, device) for seed in seeds]), stream)
