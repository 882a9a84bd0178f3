"""A task as the stages see it, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mbo_core.runs.seeds import lift, mode, select, unstack
from mbo_core.stages.contracts import Data, EncodedSpace, Encoding, WithQuality
from mbo_core.stages.encodings import statistics
from mbo_core.tasks.task import Task


class ScoreScale(NamedTuple):
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
        state: its state; stacked over seeds (or `PerSeed`) if the encoding is seeded.
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
    scores: ScoreScale
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
    space = EncodedSpace(task.kind, shape, task.space.classes, encoding.representation, *bounds)
    return Encoded(encoding, state, x.to(device), y.to(device), ScoreScale(float(mean), float(std)), space, raw)
