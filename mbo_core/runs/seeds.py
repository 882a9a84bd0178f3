"""Lift what is written for one seed to many at once.

Seeds that can be stacked go through `torch.func.vmap`; a stage with `lift = "loop"` is called for one seed after
another and may then keep any object as its state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
"""The most seeds that are stacked."""

STACK_BYTES = 32 * 2**20
"""Stack no more seeds than have this much proxy state together.

Measured on two cores: beyond the processor's cache the products no longer gain from stacking, and the update of
the weights, which is bound by memory, loses. 32 MB stacks 16 seeds of two layers of 256, and one of 2048.
"""


class PerSeed(list[Any]):
    """The states of seeds that are run one after another."""


def mode(*stages: Stage) -> Mode:
    """`loop` if one of the stages, or a stage inside one, asks for it."""
    return "loop" if any(one.lift == "loop" for stage in stages for one in with_inner(stage)) else "vmap"


def lift(function: Callable[..., Any], how: Mode, *returns: Returns) -> Callable[..., Any]:
    """A function of one seed's arguments, as a function of all seeds'.

    Args:
        function: takes one seed's values.
        how: stack the seeds, or loop over them.
        returns: what each of its results is; a single one is not a tuple.

    Returns:
        A function whose arguments are nests of tensors with a leading seed axis, or `PerSeed`. Results marked
        `tensors` have a leading seed axis in either mode, those marked `state` are whatever the mode keeps.
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
    """Nests of tensors, one a seed, as one nest with a leading seed axis."""
    return optree.tree_map(lambda *leaves: torch.stack(leaves), *values, namespace="mbo")


def unstack(values: Any) -> list[Any]:
    """What `stack` joined, one a seed."""
    if isinstance(values, PerSeed):
        return list(values)
    count = len(cast(Tensor, optree.tree_leaves(values)[0]))
    return [optree.tree_map(itemgetter(i), values) for i in range(count)]


def joined(states: Sequence[Any], how: Mode) -> Any:
    """The states of seeds, one each, as a stage of this mode keeps them."""
    return PerSeed(states) if how == "loop" or not states else stack(states)


def select(values: Any, kept: Sequence[int]) -> Any:
    """Only the seeds at the positions `kept`."""
    if isinstance(values, PerSeed):
        return PerSeed(values[i] for i in kept)
    return optree.tree_map(lambda leaf: leaf[list(kept)], values)


def bytes_of(state: Any) -> int:
    """The bytes of all tensors of a state; an object that is no nest of tensors counts as nothing."""
    leaves = [leaf for leaf in optree.tree_leaves(state) if isinstance(leaf, Tensor)]
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves)


def at_once(state: Any) -> int:
    """How many seeds to stack, given one seed's proxy state; it does not depend on how many were asked for."""
    return max(1, min(AT_ONCE, STACK_BYTES // max(1, bytes_of(state))))


def groups(seeds: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """The seeds in their order, cut into groups of at most `size`."""
    return [tuple(seeds[start : start + size]) for start in range(0, len(seeds), size)]


STREAMS = ("encoding", "proxy", "audit", "update")
"""Each stage draws from a stream of its own, so that exchanging one leaves the randomness of the others."""


def stream_keys(seeds: Sequence[int], stream: str, device: torch.device | str) -> Tensor:
    """One key a seed for a stage, (seeds, 2)."""
    index = STREAMS.index(stream)
    return torch.stack([keys.fold_in(keys.key(seed, device), index) for seed in seeds])
