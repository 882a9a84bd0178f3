"""The encoding of any space: each column in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mbo_core.stages.blocks import Block, block
from mbo_core.stages.blocks import projection as projection_of
from mbo_core.stages.contracts import Encoding
from mbo_core.stages.data import Key, Representation
from mbo_core.stages.projection import Projection
from mbo_core.tasks.space import Kind, Space
from mbo_core.tasks.table import Table


@dataclass(frozen=True, kw_only=True)
class Columns(Encoding):
    """Designs of any space: numbers standardised, levels and letters as shares that add to 1.

    A number is centred and scaled over the visible designs, by its logarithm if its column says so and no sum binds it.
    A level is a corner of a simplex, or the point of its standardised descriptors; so is each letter of a sequence.
    Searches move between steps and levels, inside the bounds and sums; decoding takes the nearest level.
    """

    name: ClassVar[str] = "columns"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"continuous", "discrete", "mixed"})

    def init(self, key: Key, table: Table) -> tuple[Block, ...]:
        """How to write each column, from the visible designs.

        Raises:
            TaskError: for a logarithm of what is not positive.
        """
        x = torch.tensor(table.x).double()
        return tuple(block(table.space, column, x) for column in table.space.columns)

    def encode(self, state: tuple[Block, ...], x: Tensor) -> Tensor:
        """Raw designs (n, length) to float32 (n, d)."""
        return torch.cat([one.encode(x[:, one.place].double()) for one in state], dim=1).float()

    def decode(self, state: tuple[Block, ...], x: Tensor) -> Tensor:
        """Float vectors (n, d) to raw designs (n, length), float64, not yet on their steps."""
        parts = torch.split(x.double(), [one.width for one in state], dim=1)
        return torch.cat([one.decode(part) for one, part in zip(state, parts, strict=True)], dim=1)

    def projection(self, state: tuple[Block, ...], space: Space) -> Projection:
        """Onto the bounds, sums and simplexes of the space."""
        return projection_of(space, state)

    def shape(self, state: tuple[Block, ...]) -> tuple[int, ...]:
        """(d,)."""
        return (sum(one.width for one in state),)

    @property
    def representation(self) -> Representation:
        """Free real numbers."""
        return "real"
