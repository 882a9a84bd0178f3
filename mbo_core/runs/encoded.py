"""A table as the stages see it, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.runs.notes import Note, check_declared, source
from mbo_core.runs.seeds import BySeed, Stream, lift, mode, stream_keys
from mbo_core.stages.contracts import Encoding, WithInfo, WithProjection
from mbo_core.stages.data import Data, Designs, EncodedSpace
from mbo_core.stages.scales import statistics
from mbo_core.tasks.replicates import numbered
from mbo_core.tasks.space import Space
from mbo_core.tasks.table import Table


class ScoreScale(NamedTuple):
    """Mean and population std of the visible raw scores."""

    mean: float
    std: float

    def raw(self, standardised: Tensor) -> Tensor:
        """Standardised scores back to raw ones, float64."""
        return standardised.cpu().double() * self.std + self.mean


@dataclass(frozen=True)
class Encoded:
    """A table as the stages see it, and the way back to raw designs; per seed for a seeded encoding.

    Attributes:
        encoding: the encoding.
        seeds: the seeds it is for.
        state: the state of the encoding, or `BySeed` if the encoding is seeded.
        x: (N, d) float32, or (seeds, N, d).
        y: (N,) float32 standardised scores.
        w: (N,) float32 weights.
        scores: the scale by which the scores were standardised.
        space: the encoded space; its bounds are (seeds, d) if the encoding is seeded.
        raw: (N, length) the visible raw designs.
        raw_space: the space of the raw designs.
        start: designs to search from, (m, d), or (seeds, m, d); None if a person gave none.
    """

    encoding: Encoding
    seeds: tuple[int, ...]
    state: Any
    x: Tensor
    y: Tensor
    w: Tensor
    scores: ScoreScale
    space: EncodedSpace
    raw: Tensor
    raw_space: Space
    start: Tensor | None = None

    def notes(self, table: Table) -> list[Note]:
        """The infos of the encoding as notes: one per seed, or one for all; none if it is lossless."""
        encoding = self.encoding
        if not isinstance(encoding, WithInfo):
            return []
        found = []
        for seed in self.seeds if encoding.seeded else (None,):
            info = encoding.info(self.state_of(seed), table)
            check_declared(encoding, info)
            found.append(Note(seed, source(encoding), values={name: float(value) for name, value in info.items()}))
        return found

    def state_of(self, seed: int | None) -> Any:
        """The state of the encoding of one seed."""
        return self.state[seed] if self.encoding.seeded else self.state

    @property
    def first(self) -> Data:
        """The data as the first seed sees them; the same for all seeds unless the encoding is seeded."""
        if not self.encoding.seeded:
            return Data(self.x, self.y, replace(self.space, designs=self._real(0)), self.w, self.start)
        return self.own(*(part[0] for part in self.by_seed))

    @property
    def by_seed(self) -> tuple[Tensor, ...]:
        """What `own` takes, with a leading seed axis: of a seeded encoding."""
        start = self.x[:, :0] if self.start is None else self.start
        return torch.arange(len(self.x)), self.x, self.space.lower, self.space.upper, start

    def own(self, place: Tensor, x: Tensor, lower: Tensor, upper: Tensor, start: Tensor) -> Data:
        """The data as one seed sees them, from its place among the seeds, x (N, d), bounds (d,) and start (m, d).

        The start may have no row.
        """
        space = replace(self.space, lower=lower, upper=upper, designs=self._real(place))
        return Data(x, self.y, space, self.w, start if start.shape[0] else None)

    def _real(self, place: int | Tensor) -> Designs:
        """The real designs as the seed at a place sees them; under `vmap` the place has no value, and none is asked."""
        return Designs(
            self.raw_space,
            self.raw.numpy(),
            lambda x: self.decode(x, self.seeds[int(place)]).numpy(),
            lambda raw: self.encode(torch.from_numpy(raw), self.seeds[int(place)]),
        )

    def only(self, seeds: Sequence[int]) -> Encoded:
        """Only some of the seeds."""
        some = replace(self, seeds=tuple(seeds))
        if not self.encoding.seeded:
            return some
        index = [self.seeds.index(seed) for seed in seeds]
        space = replace(self.space, lower=self.space.lower[index], upper=self.space.upper[index])
        start = None if self.start is None else self.start[index]
        return replace(some, state=self.state.only(seeds), x=self.x[index], space=space, start=start)

    def encode(self, raw: Tensor, seed: int) -> Tensor:
        """Encode raw designs (n, length) as one seed sees them, (n, d), where the data are."""
        return self.encoding.encode(self.state_of(seed), raw).to(self.x.device)

    def decode(self, x: Tensor, seed: int) -> Tensor:
        """Decode the vectors (n, d) of a seed to raw designs in the space, on the processor.

        A vector equal to that of a visible design gives exactly that design. For a chaotic objective, float32 rounding
        would otherwise change its score.

        Raises:
            TaskError: for a design that cannot be repaired.
        """
        decoded = self.encoding.decode(self.state_of(seed), x.cpu())
        rows = self._rows[self.seeds.index(seed) if self.encoding.seeded else 0]
        for i, key in enumerate(_bytes(x)):
            if key in rows:
                decoded[i] = self.raw[rows[key]]
        if self.raw_space.plain:
            return decoded.to(self.raw.dtype)
        return torch.from_numpy(self.raw_space.repair(decoded.numpy()))

    def outside(self, x: Tensor, seed: int) -> int:
        """How many of the vectors (n, d) of a seed lie beyond the bounds or sums of the space, steps aside."""
        if self.raw_space.plain:
            return 0
        raw = self.encoding.decode(self.state_of(seed), x.cpu()).double().numpy()
        return int((~self.raw_space.near(raw)).sum())

    @cached_property
    def designs(self) -> NDArray[np.int64]:
        """(N,) the number of each row's design; rows with the same number are replicates."""
        return numbered(self.raw.numpy())

    @cached_property
    def _rows(self) -> list[dict[bytes, int]]:
        tables = self.x if self.encoding.seeded else self.x[None]
        return [{key: row for row, key in enumerate(_bytes(x))} for x in tables]


def _bytes(x: Tensor) -> list[bytes]:
    return [row.tobytes() for row in x.detach().cpu().numpy()]


def encode_table(
    encoding: Encoding,
    seeds: Sequence[int],
    table: Table,
    device: torch.device | str = "cpu",
    start: NDArray[Any] | None = None,
) -> Encoded:
    """Fit an encoding to the visible designs of a table, encode them, and standardise the scores.

    Args:
        encoding: the encoding; a seeded one is fitted once per seed.
        seeds: the seeds of the run.
        table: the designs and scores.
        device: the device for the encoded data.
        start: (m, length) raw designs to search from, or None.
    """
    raw, seed_keys = torch.tensor(table.x), stream_keys(seeds, Stream.ENCODING, "cpu")
    state: Any
    if encoding.seeded:
        how = mode(encoding)
        state = BySeed(tuple(seeds), lift(lambda key: encoding.init(key, table), how, "state")(seed_keys))
        x = lift(lambda own: encoding.encode(own, raw), how, "tensors")(state.lifted)
        shape = encoding.shape(state[seeds[0]])
    else:
        state = encoding.init(seed_keys[0], table)
        x, shape = encoding.encode(state, raw), encoding.shape(state)
    mean, std = statistics(torch.tensor(table.y)[:, None])
    y = ((torch.tensor(table.y) - mean) / std).float()
    w = torch.tensor(table.weights).float()
    space = _space(encoding, state, table, x, shape, device)
    scale = ScoreScale(float(mean), float(std))
    own = (x.to(device), y.to(device), w.to(device), scale, space, raw, table.space)
    found = Encoded(encoding, tuple(seeds), state, *own)
    return found if start is None else replace(found, start=_started(found, torch.tensor(start)).to(device))


def _started(encoded: Encoded, raw: Tensor) -> Tensor:
    """Raw designs (m, length) encoded, (m, d), or (seeds, m, d) by a seeded encoding."""
    if not encoded.encoding.seeded:
        return encoded.encoding.encode(encoded.state, raw)
    return torch.stack([encoded.encode(raw, seed) for seed in encoded.seeds])


def _space(
    encoding: Encoding, state: Any, table: Table, x: Tensor, shape: tuple[int, ...], device: torch.device | str
) -> EncodedSpace:
    ends, projection = (x.amin(-2).to(device), x.amax(-2).to(device)), None
    if isinstance(encoding, WithProjection) and not encoding.seeded:
        projection = encoding.projection(state, table.space)
        ends = projection.narrowed(*ends)
    bound = None if projection is None or projection.trivial else projection
    return EncodedSpace(table.kind, shape, table.space.classes, encoding.representation, *ends, bound)
