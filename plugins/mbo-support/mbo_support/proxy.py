"""Proxies that hold another proxy, and trust it less the farther a design lies from the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import (
    Ability,
    Batch,
    Data,
    Info,
    Key,
    Prediction,
    Proxy,
    Schedule,
    option,
    stage_option,
    state_and_info,
)
from mbo_support.distance import ALIKE, Form, Rows, check_designs, count_of, log_distance, nearest, rows_of

STREAM = 1000
"""Folded into the key of `init` for the draw of rows; the inner proxy uses small numbers."""
TWICE = "both lower the score with the distance to the data, which would count twice"


class SupportedState(NamedTuple):
    """The inner proxy's state, and the rows."""

    inner: Any
    rows: Rows


@dataclass(frozen=True, kw_only=True)
class _Base(Proxy):
    """What `supported` and `supported-gradients` share: all but the abilities."""

    inner: Proxy = stage_option("the proxy that is trusted near the rows")
    form: Form = option("scale-free", "d in units of the rows' spacing, 0 within it; or the logarithm as released")
    mean: Literal["discount", "cap"] = option(
        "discount", "lower the mean by the distance, or cap it at the mean score of the nearest rows and a margin"
    )
    discount: float = option(0.25, "of the mean for each unit of d, a, in standardised scores", at_least=0.0)
    margin: float = option(1.0, "of the cap, in standardised scores", at_least=0.0)
    floor: float = option(0.05, "the least standard deviation where d is 0, a_0, in standardised scores", at_least=0.0)
    floor_slope: float = option(0.25, "how it rises with d, a_1", at_least=0.0)
    neighbours: int | None = option(
        None, "k; by default a twentieth of the designs, from 1 to 10; always fewer than the designs", at_least=1
    )
    rows: int = option(20_000, "number of rows to look among, drawn at random; all if fewer", at_least=2)

    infos: ClassVar[Mapping[str, str]] = {
        "spacing": "the median distance of a row to its k-th nearest other, in standardised columns",
        "reach": "the 95 % quantile of these distances, in units of the spacing",
        "alike": "whether that is below 1.2",
        "reduced": "by how much the option neighbours was reduced, as there are too few designs",
    }
    notes: ClassVar[Mapping[str, str]] = {
        "alike": "the rows are all about as far from each other: the distance to them tells little",
        "reduced": "the option neighbours was reduced to the number of designs less 1",
    }
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"
    excludes: ClassVar[Mapping[str, str]] = {"objective support": TWICE, "objective near-data": TWICE}

    def __post_init__(self) -> None:
        """Refuse an inner proxy that lacks an ability."""
        lacking = sorted(self.abilities - self.inner.abilities) if self.inner is not None else []
        if lacking:
            words = " and ".join(f'"{word}"' for word in lacking)
            raise ValueError(f'proxy "{self.inner.name}" has no {words}, and cannot be held by "{self.name}"')
        if self.inner is not None and self.inner.excludes:
            raise ValueError(f'proxy "{self.inner.name}" has a discount for the distance, which would count twice')

    def schedule(self, data: Data) -> Schedule:
        """That of the inner proxy.

        Raises:
            TaskError: for a single design, or what the inner proxy refuses.
        """
        check_designs(data.x)
        return self.inner.schedule(data)

    def init(self, key: Key, data: Data) -> tuple[SupportedState, Info]:
        """The inner proxy's state, as it would be alone, and the rows."""
        inner, info = state_and_info(self.inner.init(key, data))
        rows = rows_of(keys.fold_in(key, STREAM), data, self.rows, self.neighbours)
        told = {"spacing": rows.spacing, "reach": rows.reach, "alike": (rows.reach < ALIKE).double()}
        reduced = rows.spacing.new_tensor((self.neighbours or 0) - count_of(self.neighbours, len(rows.x))).clamp(min=0)
        told["reduced"] = reduced
        return SupportedState(inner, rows), {**info, **{name: value.float() for name, value in told.items()}}

    def step(self, key: Key, state: SupportedState, batch: Batch) -> tuple[SupportedState, Info]:
        """A step of the inner proxy."""
        inner, info = self.inner.step(key, state.inner, batch)
        return state._replace(inner=inner), info

    def finish(self, key: Key, state: SupportedState, data: Data) -> SupportedState:
        """The inner proxy's end of training."""
        return state._replace(inner=self.inner.finish(key, state.inner, data))

    def predict(self, state: SupportedState, x: Tensor) -> Prediction:
        """The inner prediction, lowered or capped, with at least the floor as standard deviation."""
        found, rows = self.inner.predict(state.inner, x), state.rows
        far, neighbours = nearest(rows.x, x.double() * rows.scale, count_of(self.neighbours, len(rows.x)))
        d = log_distance(self.form, rows, far).to(x.dtype)
        std = torch.maximum(found.std, self.floor + self.floor_slope * d)
        if self.mean == "discount":
            return Prediction(found.mean - self.discount * d, std)
        cap = rows.y[neighbours].mean(1).to(x.dtype) + self.margin
        return Prediction(torch.minimum(found.mean, cap), std)


@dataclass(frozen=True, kw_only=True)
class Supported(_Base):
    """A proxy whose mean is lowered, and whose standard deviation has a floor that rises, away from the rows.

    With d the logarithm of the distance to the k-th nearest row in units of the usual spacing of the rows, and 0 within
    it::

        mean - discount * d,     max(std, floor + floor_slope * d)

    It holds any proxy with values and uncertainty, trains it as that proxy says, and never moves its weights otherwise.
    The form `as-released` is the search transform of SPADE (arXiv:2605.11246) with d = log(R + 1e-8) in standardised
    columns; it is hardly conservative: the released constants charge .014 standard deviations of the scores for each
    doubling of the distance, and where rows are dense the mean is raised.
    """

    name: ClassVar[str] = "supported"
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "uncertainty"})


@dataclass(frozen=True, kw_only=True)
class SupportedGradients(_Base):
    """The proxy `supported` around one with gradients, for searches that climb."""

    name: ClassVar[str] = "supported-gradients"
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "gradients", "uncertainty"})
