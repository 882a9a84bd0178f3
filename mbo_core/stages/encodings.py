"""Encodings: designs to vectors and back; and standardisation.

Raw designs stay on the processor in float64 or int64: a float32 round trip of raw values can change a
simulator's score, so only the encoded vectors are float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from mbo_core.errors import TaskError
from mbo_core.stages.contracts import Encoding
from mbo_core.stages.data import Key, Representation
from mbo_core.stages.options import option
from mbo_core.stages.projection import Projection, of_numbers
from mbo_core.stages.scales import Statistics, statistics, unit
from mbo_core.tasks.space import Kind, Space
from mbo_core.tasks.table import Table


class TokenState(NamedTuple):
    """The state of a token encoding."""

    classes: int
    """The number of tokens, with those that only the data have."""
    length: int
    """The number of positions."""
    statistics: Statistics
    own: int
    """The number of tokens of the space, which decoding gives."""


def _own(table: Table) -> int:
    """The number of tokens of a discrete space, without those that only the data have."""
    return table.space.sequence.classes if table.space.sequence else 1


@dataclass(frozen=True, kw_only=True)
class Standardised(Encoding):
    """Designs of numbers, with each coordinate centred and divided by its population standard deviation."""

    name: ClassVar[str] = "standardised"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"continuous"})

    def init(self, key: Key, table: Table) -> Statistics:
        """The statistics of the visible designs."""
        return statistics(torch.tensor(table.x))

    def encode(self, state: Statistics, x: Tensor) -> Tensor:
        """Float64 (n, d) to float32 (n, d)."""
        return ((x.double() - state.mean) / state.std).float()

    def decode(self, state: Statistics, x: Tensor) -> Tensor:
        """Float32 (n, d) to float64 (n, d)."""
        return x.double() * state.std + state.mean

    def shape(self, state: Statistics) -> tuple[int, ...]:
        """(d,)."""
        return tuple(state.mean.shape)

    def projection(self, state: Statistics, space: Space) -> Projection:
        """Onto the bounds and sums of the space."""
        return of_numbers(space, state.mean, state.std)

    @property
    def representation(self) -> Representation:
        """Free real numbers."""
        return "real"


@dataclass(frozen=True, kw_only=True)
class OneHot(Encoding):
    """Discrete designs as exact one-hot rows, flattened from (L, K)."""

    name: ClassVar[str] = "one-hot"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"discrete"})

    def init(self, key: Key, table: Table) -> TokenState:
        """The number of classes and positions."""
        classes = table.space.classes or 1
        return TokenState(classes, table.space.length, unit(table.space.length * classes), _own(table))

    def encode(self, state: TokenState, x: Tensor) -> Tensor:
        """Tokens (n, L) to float32 (n, L * K)."""
        return one_hot(x.long(), state.classes).flatten(1).float()

    def decode(self, state: TokenState, x: Tensor) -> Tensor:
        """Float (n, L * K) to the likeliest tokens (n, L)."""
        return x.reshape(len(x), state.length, state.classes)[..., : state.own].argmax(2)

    def shape(self, state: TokenState) -> tuple[int, ...]:
        """(L, K)."""
        return (state.length, state.classes)

    @property
    def representation(self) -> Representation:
        """Exact one-hot rows."""
        return "one-hot"


@dataclass(frozen=True, kw_only=True)
class SoftLogits(Encoding):
    """Discrete designs as the logits of smoothed one-hot rows (Design-Bench).

    A token a of K classes has the probabilities `p_k = mass * 1[k = a] + (1 - mass) / K`. With the reference
    `first` the vector is `ln p_k - ln p_0` for k = 1..K-1, so the mass of class 0 is in the negative of all entries,
    and a search leaves it less easily than the others. `mean` subtracts the mean of all K instead, which treats the
    classes alike. Decoding takes the largest, and a round trip is exact.
    """

    mass: float = option(
        0.6, "probability mass moved onto the token (lambda of Design-Bench)", above=0.0, at_most=0.999
    )
    reference: Literal["first", "mean"] = option(
        "first", "what is subtracted from the log-probabilities: that of class 0 (Design-Bench), or their mean"
    )
    standardise: bool = option(
        True, "centre and scale each logit over the visible designs (gradient ascent does, COMs do not)"
    )

    name: ClassVar[str] = "soft-logits"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"discrete"})

    def init(self, key: Key, table: Table) -> TokenState:
        """The classes and, if `standardise` is set, the statistics of the visible logits.

        Raises:
            TaskError: for a single class.
        """
        classes, length = table.space.classes or 1, table.space.length
        if classes < 2:
            hint = "give amounts as real numbers (1.0, not 1); tokens of one class leave nothing to search"
            raise TaskError(f"{table.name}: tokens have only one class", hint)
        state = TokenState(classes, length, unit(length * self._width(classes)), _own(table))
        if not self.standardise:
            return state
        return state._replace(statistics=statistics(self._logits(state, torch.tensor(table.x))))

    def encode(self, state: TokenState, x: Tensor) -> Tensor:
        """Tokens (n, L) to float32 (n, L * (K - 1)), or (n, L * K) with the reference `mean`."""
        mean, std = state.statistics
        return ((self._logits(state, x) - mean) / std).float()

    def decode(self, state: TokenState, x: Tensor) -> Tensor:
        """Float (n, d) to the likeliest tokens (n, L)."""
        mean, std = state.statistics
        logits = (x.double() * std + mean).reshape(len(x), *self.shape(state))
        if self.reference == "first":
            logits = torch.cat([torch.zeros_like(logits[..., :1]), logits], dim=2)
        return logits[..., : state.own].argmax(2)

    def shape(self, state: TokenState) -> tuple[int, ...]:
        """(L, K - 1), or (L, K) with the reference `mean`."""
        return (state.length, self._width(state.classes))

    @property
    def representation(self) -> Representation:
        """Free real numbers."""
        return "real"

    def _width(self, classes: int) -> int:
        return classes - 1 if self.reference == "first" else classes

    def _logits(self, state: TokenState, x: Tensor) -> Tensor:
        other = (1 - self.mass) / state.classes
        # p_a / p_k for any k other than a; the differences of logits are multiples of its logarithm.
        logits = one_hot(x.long(), state.classes).double() * math.log((self.mass + other) / other)
        if self.reference == "first":
            return (logits - logits[..., :1])[..., 1:].flatten(1)
        return (logits - logits.mean(-1, keepdim=True)).flatten(1)
