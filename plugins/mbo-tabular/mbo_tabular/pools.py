"""Designs with their vectors and what an objective gives them; and which of them are chosen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.errors import MboError
from mbo_core.functional import keys
from mbo_core.stages import Data, Designs, Key, Objective, Proxy, State

AT_ONCE = 8192
"""Designs that are scored together."""
ROWS = 2000
"""The most rows by which distances are judged."""
HALVINGS = 10
"""How often the distance that proposals keep is halved before it is given up."""


class Pool(NamedTuple):
    """Designs, in the order in which they were found."""

    raw: NDArray[Any]
    """(n, length)"""
    x: Tensor
    """(n, d) their vectors"""
    score: NDArray[np.float32]
    """(n,) the larger the better"""

    def only(self, rows: NDArray[np.int64]) -> Pool:
        """Some of them, in the given order."""
        return Pool(self.raw[rows], self.x[torch.from_numpy(rows)], self.score[rows])

    def joined(self, other: Pool) -> Pool:
        """These and then others."""
        return Pool(
            np.concatenate([self.raw, other.raw]), torch.cat([self.x, other.x]), np.append(self.score, other.score)
        )

    @property
    def ranked(self) -> NDArray[np.int64]:
        """The rows, best first; of equal ones the first found."""
        return np.argsort(-self.score, kind="stable")


class Scorer(NamedTuple):
    """What designs are ranked by."""

    proxy: Proxy
    objective: Objective
    proxy_state: State
    objective_state: State

    def pool(self, designs: Designs, raw: NDArray[Any]) -> Pool:
        """Designs of the space with their scores."""
        x = designs.encode(raw)
        with torch.no_grad():
            found = [
                self.objective.score(self.objective_state, part, self.proxy.predict(self.proxy_state, part))
                for part in torch.split(x, AT_ONCE)
            ]
        return Pool(raw, x, torch.cat(found).float().cpu().numpy())


def designs_of(data: Data) -> Designs:
    """The real designs behind the data.

    Raises:
        MboError: for data that were not made from a table.
    """
    if data.space.designs is None:
        raise MboError("data have no real designs behind them", "make them from a table: a run does")
    return data.space.designs


def written(raw: NDArray[Any]) -> list[bytes]:
    """Each design (n, length) as a key; equal ones have the same."""
    # Adding 0 makes -0.0 and 0.0 equal to the last bit.
    return [design.tobytes() for design in raw + 0]


class Nearby(NamedTuple):
    """Rows of the data, to tell how far designs are from them and from each other."""

    rows: Tensor
    """(m, d)"""
    between: float
    """the median distance of a row to the nearest other"""

    @classmethod
    def of(cls, key: Key, data: Data) -> Nearby:
        """At most `ROWS` rows, drawn at random."""
        rows = torch.unique(data.x[keys.permutation(key, len(data.y))[:ROWS]], dim=0)
        far = torch.cdist(rows, rows)
        nearest = far.fill_diagonal_(torch.inf).amin(1)
        return cls(rows, float(nearest.median()))

    def to(self, x: Tensor) -> tuple[Tensor, NDArray[np.int64]]:
        """The distances of designs (n, d) to the nearest rows, (n,), and which rows these are."""
        far, place = torch.cdist(x, self.rows).min(1)
        return far, place.cpu().numpy()


def spread(pool: Pool, count: int, apart: float) -> NDArray[np.int64]:
    """The best `count` designs that keep a distance from each other, best first.

    The distance is halved, and in the end given up, until there are enough.
    """
    order = pool.ranked
    for halved in range(HALVINGS):
        found = _apart(pool.x[torch.from_numpy(order)], count, apart / 2**halved)
        if len(found) == count:
            return order[found]
    return order[:count]


def _apart(x: Tensor, count: int, apart: float) -> list[int]:
    """The first of the designs (n, d), then each that is far enough from those before, up to `count`."""
    free, found = torch.ones(len(x), dtype=torch.bool, device=x.device), list[int]()
    while len(found) < count and bool(free.any()):
        found.append(int(free.int().argmax()))
        free &= torch.cdist(x, x[found[-1:]])[:, 0] >= apart
        free[found[-1]] = False
    return found
