"""The one place where designs become vectors and vectors become designs, and scores are standardised.

Raw designs stay on the processor in float64 or int64: a float32 round trip of raw values is known to change a
simulator's score, so only the encoded vectors are float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from mbo_core.errors import TaskError
from mbo_core.options import option
from mbo_core.seeds import lift, mode, select, unstack
from mbo_core.stages import Data, EncodedSpace, Encoding, Key, Values, WithQuality
from mbo_core.task import Task


class Statistics(NamedTuple):
    """Mean and population standard deviation of each coordinate, float64 (d,); a constant one has std 1."""

    mean: Tensor
    std: Tensor


class TokenState(NamedTuple):
    """What a token encoding keeps: the number of classes and positions, and its statistics."""

    classes: int
    length: int
    statistics: Statistics


def statistics(values: Tensor) -> Statistics:
    """Mean and population std of each column of (n, d) values, in float64."""
    wide = values.double()
    mean, std = wide.mean(0), wide.std(0, correction=0)
    # A column of equal values has a std of rounding errors only, which must not be divided by, and so has its mean.
    constant = wide.amax(0) == wide.amin(0)
    return Statistics(torch.where(constant, wide[0], mean), torch.where(constant, torch.ones_like(std), std))


def unit(width: int) -> Statistics:
    """The statistics that change nothing."""
    return Statistics(torch.zeros(width, dtype=torch.float64), torch.ones(width, dtype=torch.float64))


@dataclass(frozen=True, kw_only=True)
class Standardised(Encoding):
    """Continuous designs with each coordinate centred and divided by its population standard deviation."""

    name: ClassVar[str] = "standardised"
    designs: ClassVar[frozenset[Literal["continuous", "discrete"]]] = frozenset({"continuous"})

    def init(self, key: Key, task: Task) -> Statistics:
        """The statistics of the visible designs."""
        return statistics(torch.tensor(task.x))

    def encode(self, state: Statistics, x: Tensor) -> Tensor:
        """Float64 (n, d) to float32 (n, d)."""
        return ((x.double() - state.mean) / state.std).float()

    def decode(self, state: Statistics, x: Tensor) -> Tensor:
        """Float32 (n, d) to float64 (n, d)."""
        return x.double() * state.std + state.mean

    def shape(self, state: Statistics) -> tuple[int, ...]:
        """(d,)."""
        return tuple(state.mean.shape)

    @property
    def values(self) -> Values:
        """Free real numbers."""
        return "real"


@dataclass(frozen=True, kw_only=True)
class OneHot(Encoding):
    """Discrete designs as exact one-hot rows, flattened from (L, K)."""

    name: ClassVar[str] = "one-hot"
    designs: ClassVar[frozenset[Literal["continuous", "discrete"]]] = frozenset({"discrete"})

    def init(self, key: Key, task: Task) -> TokenState:
        """The number of classes and positions."""
        classes = task.space.classes or 1
        return TokenState(classes, task.space.length, unit(task.space.length * classes))

    def encode(self, state: TokenState, x: Tensor) -> Tensor:
        """Tokens (n, L) to float32 (n, L * K)."""
        return one_hot(x.long(), state.classes).flatten(1).float()

    def decode(self, state: TokenState, x: Tensor) -> Tensor:
        """Float (n, L * K) to the likeliest tokens (n, L)."""
        return x.reshape(len(x), state.length, state.classes).argmax(2)

    def shape(self, state: TokenState) -> tuple[int, ...]:
        """(L, K)."""
        return (state.length, state.classes)

    @property
    def values(self) -> Values:
        """Exact one-hot rows."""
        return "one-hot"


@dataclass(frozen=True, kw_only=True)
class SoftLogits(Encoding):
    """Discrete designs as the logits of smoothed one-hot rows (Design-Bench).

    A token a of K classes has the probabilities `p_k = mass * 1[k = a] + (1 - mass) / K`. With the reference
    `first` the vector is `ln p_k - ln p_0` for k = 1..K-1, so class 0 has its mass in the negative of all
    entries and is left less easily than the others; `mean` subtracts the mean of all K instead, which treats
    the classes alike. Decoding takes the largest, and a round trip is exact.
    """

    mass: float = option(
        0.6, "probability mass moved onto the token (lambda of Design-Bench)", above=0.0, at_most=0.999
    )
    reference: Literal["first", "mean"] = option(
        "first", "what is subtracted from the log-probabilities: that of class 0 (Design-Bench), or their mean"
    )
    standardise: bool = option(
        True, "centre and scale each logit over the visible designs, as gradient ascent does and COMs do not"
    )

    name: ClassVar[str] = "soft-logits"
    designs: ClassVar[frozenset[Literal["continuous", "discrete"]]] = frozenset({"discrete"})

    def init(self, key: Key, task: Task) -> TokenState:
        """The classes and, if asked for, the statistics of the visible logits.

        Raises:
            TaskError: for a single class, which leaves no logit.
        """
        classes, length = task.space.classes or 1, task.space.length
        if classes < 2:
            hint = "give amounts as real numbers (1.0, not 1); tokens of one class leave nothing to search"
            raise TaskError(f"{task.name}: its tokens are of one class, which no logits tell from others", hint)
        state = TokenState(classes, length, unit(length * self._width(classes)))
        if not self.standardise:
            return state
        return state._replace(statistics=statistics(self._logits(state, torch.tensor(task.x))))

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
        return logits.argmax(2)

    def shape(self, state: TokenState) -> tuple[int, ...]:
        """(L, K - 1), or (L, K) with the reference `mean`."""
        return (state.length, self._width(state.classes))

    @property
    def values(self) -> Values:
        """Free real numbers."""
        return "real"

    def _width(self, classes: int) -> int:
        return classes - 1 if self.reference == "first" else classes

    def _logits(self, state: TokenState, x: Tensor) -> Tensor:
        other = (1 - self.mass) / state.classes
        # p_a / p_k for any k but a; its logarithm is all that the differences of logits hold.
        logits = one_hot(x.long(), state.classes).double() * math.log((self.mass + other) / other)
        if self.reference == "first":
            return (logits - logits[..., :1])[..., 1:].flatten(1)
        return (logits - logits.mean(-1, keepdim=True)).flatten(1)


class Scores(NamedTuple):
    """Mean and population std of the visible raw scores."""

    mean: float
    std: float

    def raw(self, standardised: Tensor) -> Tensor:
        """Standardised scores back to raw ones, float64."""
        return standardised.cpu().double() * self.std + self.mean


@dataclass(frozen=True)
class Encoded:
    """A task as the stages see it, and the way back; for a seeded encoding, as each seed sees it.

    Attributes:
        encoding: the encoding.
        state: its state; stacked over seeds (or `Each`) if the encoding is seeded.
        x: (N, d) float32, or (seeds, N, d).
        y: (N,) float32 standardised scores.
        scores: what they were standardised by.
        space: the encoded space; its bounds are (seeds, d) if the encoding is seeded.
        raw: (N, length) the visible designs as they are.
    """

    encoding: Encoding
    state: Any
    x: Tensor
    y: Tensor
    scores: Scores
    space: EncodedSpace
    raw: Tensor

    def quality(self, task: Task) -> dict[str, list[float]]:
        """What the encoding tells of itself, one value a seed; empty for one that loses nothing."""
        encoding = self.encoding
        if not isinstance(encoding, WithQuality):
            return {}
        states = unstack(self.state) if self.encoding.seeded else [self.state]
        found = [encoding.quality(state, task) for state in states]
        return {name: [float(one[name]) for one in found] for name in found[0]}

    @property
    def first(self) -> Data:
        """The data as the first seed sees them; without a seeded encoding, as all do."""
        if not self.encoding.seeded:
            return Data(self.x, self.y, self.space)
        return self.own(self.x[0], self.space.lower[0], self.space.upper[0])

    def own(self, x: Tensor, lower: Tensor, upper: Tensor) -> Data:
        """The data as one seed sees them: x (N, d) and its bounds (d,)."""
        return Data(x, self.y, replace(self.space, lower=lower, upper=upper))

    def only(self, kept: Sequence[int]) -> Encoded:
        """Only the seeds at the positions `kept`."""
        if not self.encoding.seeded:
            return self
        index = list(kept)
        space = replace(self.space, lower=self.space.lower[index], upper=self.space.upper[index])
        return replace(self, state=select(self.state, index), x=self.x[index], space=space)

    def decode(self, x: Tensor, position: int = 0) -> Tensor:
        """Encoded (n, d) of the seed at `position` to raw designs on the processor.

        A vector that is still that of a visible design gives that design to the last bit: where an objective is
        chaotic, the rounding of float32 would give it another score.
        """
        state = unstack(self.state)[position] if self.encoding.seeded else self.state
        decoded = self.encoding.decode(state, x.cpu())
        for i, key in enumerate(_bytes(x)):
            if key in self._rows[position if self.encoding.seeded else 0]:
                decoded[i] = self.raw[self._rows[position if self.encoding.seeded else 0][key]]
        return decoded

    @cached_property
    def _rows(self) -> list[dict[bytes, int]]:
        tables = self.x if self.encoding.seeded else self.x[None]
        return [{key: row for row, key in enumerate(_bytes(x))} for x in tables]


def _bytes(x: Tensor) -> list[bytes]:
    return [row.tobytes() for row in x.detach().cpu().numpy()]


def encode_task(encoding: Encoding, seed_keys: Tensor, task: Task, device: torch.device | str = "cpu") -> Encoded:
    """Fit an encoding to a task's visible designs, encode them, and standardise the scores.

    Args:
        encoding: the encoding; a seeded one is fitted for each seed.
        seed_keys: (seeds, 2).
        task: its oracle is not touched.
        device: where the encoded data go.
    """
    raw = torch.tensor(task.x)
    if encoding.seeded:
        how = mode(encoding)
        state = lift(lambda key: encoding.init(key, task), how, "state")(seed_keys)
        x = lift(lambda own: encoding.encode(own, raw), how, "tensors")(state)
        shape = encoding.shape(unstack(state)[0])
    else:
        state = encoding.init(seed_keys[0], task)
        x, shape = encoding.encode(state, raw), encoding.shape(state)
    mean, std = statistics(torch.tensor(task.y)[:, None])
    y = ((torch.tensor(task.y) - mean) / std).float()
    bounds = (x.amin(-2).to(device), x.amax(-2).to(device))
    space = EncodedSpace(task.kind, shape, task.space.classes, encoding.values, *bounds)
    return Encoded(encoding, state, x.to(device), y.to(device), Scores(float(mean), float(std)), space, raw)
