"""A proxy of proxies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from sklearn.isotonic import IsotonicRegression
from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.functional import batches, keys
from mbo_core.stages import (
    Ability,
    Data,
    Info,
    Key,
    NoProxy,
    Prediction,
    Proxy,
    Schedule,
    option,
    stage_option,
    state_and_info,
)
from mbo_tabular.bagging import LEAST_STD

SMALL = 1e-6
"""The smallest spread of predictions that is divided by."""
FLATTEST = 0.1
"""The least slope of the map from opinions to scores, in slopes of a line through all: so the order is kept."""


class View(NamedTuple):
    """A trained member, and what it predicts for the rows."""

    state: Any
    ordered: Tensor
    """(N,) its predictions for the rows, ascending"""


class CommitteeState(NamedTuple):
    """The members, and the map from their opinion to standardised scores."""

    views: tuple[View, ...]
    opinions: Tensor
    """(N,) their mean opinion of the rows, ascending"""
    scores: Tensor
    """(N,) the scores that these stand for, ascending"""
    slope: Tensor
    """() scores by opinions beyond the rows, and for deviations"""


@dataclass(frozen=True, kw_only=True)
class Committee(Proxy):
    """Two or three proxies, whose ranks or z-scores are averaged, and an increasing map from that to scores.

    The map is an isotonic regression of the rows' scores, so that designs stand in the order of the opinions.

    Each member is trained on all rows, for as many steps as its own schedule says.
    """

    first: Proxy = stage_option("a member")
    second: Proxy = stage_option("another member")
    third: Proxy = stage_option("a third member, or none", NoProxy())
    first_weight: float | None = option(
        None,
        "of the first member's opinion; the others share what is left. By default all weigh alike",
        at_least=0.0,
        at_most=1.0,
    )
    average: Literal["ranks", "z-scores"] = option(
        "ranks", "a member's opinion: the rank among its predictions for the rows, or its distance from their mean"
    )

    name: ClassVar[str] = "committee"
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "uncertainty"})
    infos: ClassVar[Mapping[str, str]] = {"agreement": "the smallest correlation of two members' opinions on the rows"}
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    @property
    def members(self) -> tuple[Proxy, ...]:
        """The proxies that are not `none`."""
        return tuple(one for one in (self.first, self.second, self.third) if "order" in one.abilities)

    def __post_init__(self) -> None:
        """Refuse members that have no order."""
        for name in ("first", "second"):
            one = getattr(self, name)
            if one is not None and "order" not in one.abilities:
                raise ValueError(f'{name}: proxy "{one.name}" orders no designs, and is no member of a committee')

    def schedule(self, data: Data) -> Schedule:
        """No epochs of its own; refuses members that choose a state on held-out rows.

        Raises:
            TaskError: for such a member, or one that refuses the data.
        """
        for member in self.members:
            schedule = member.schedule(data)
            if schedule.keep == "best" or schedule.refit:
                fact = f'committee trains "{member.name}" on all rows, and cannot choose its state on held-out ones'
                raise TaskError(fact, 'set keep="last" and refit=false for the member, and its steps')
        return Schedule(epochs=0, batch_size=1)

    def init(self, key: Key, data: Data) -> tuple[CommitteeState, Info]:
        """The trained members."""
        own = keys.split(key, len(self.members))
        views = tuple(self._view(member, each, data) for member, each in zip(self.members, own, strict=True))
        opinions = self._opinions(views, data.x)[0]
        state = CommitteeState(views, *_increasing(self._mean(opinions), data.y, data.w))
        return state, {"agreement": _agreement(opinions)}

    def predict(self, state: CommitteeState, x: Tensor) -> Prediction:
        """The members' mean opinion as a score; the std is of what they say, and of how sure they are."""
        opinions, stds = self._opinions(state.views, x.detach())
        mean = self._mean(opinions)
        variance = self._mean((opinions - mean).square() + stds.square())
        std = (state.slope.square() * variance + LEAST_STD**2).sqrt()
        return Prediction(_scored(state, mean), std)

    def _mean(self, said: Tensor) -> Tensor:
        """The mean over members of what is said of each design, (members, n) to (n,)."""
        if self.first_weight is None:
            return said.mean(0)
        return self.first_weight * said[0] + (1 - self.first_weight) * said[1:].mean(0)

    def _view(self, member: Proxy, key: Key, data: Data) -> View:
        state = trained(member, key, data)
        return View(state, member.predict(state, data.x).mean.detach().sort().values)

    def _opinions(self, views: tuple[View, ...], x: Tensor) -> tuple[Tensor, Tensor]:
        """The members' opinions of designs (n, d), and their stds in the same units, (members, n) each."""
        opinion = _rank if self.average == "ranks" else _z_score
        with torch.no_grad():
            said = [one.predict(view.state, x) for one, view in zip(self.members, views, strict=True)]
        pairs = [opinion(view.ordered, one) for view, one in zip(views, said, strict=True)]
        means, stds = zip(*pairs, strict=True)
        return torch.stack(means), torch.stack(stds)


def trained(proxy: Proxy, key: Key, data: Data) -> Any:
    """A proxy's state after its own schedule, as the core trains it, but on all rows."""
    schedule = proxy.schedule(data)
    state, _ = state_and_info(proxy.init(keys.fold_in(key, batches.Use.INIT), data))
    if schedule.trains:
        for epoch in batches.epochs(key, len(data.y), replace(schedule, held_out=0)):
            for part, step_key in epoch.steps():
                state, _ = proxy.step(step_key, state, batches.take(data, epoch.order, part))
    return proxy.finish(keys.fold_in(key, batches.Use.FINISH), state, data)


def _z_score(ordered: Tensor, said: Prediction) -> tuple[Tensor, Tensor]:
    """Predictions less the mean of those for the rows, in their standard deviations."""
    scale = ordered.std(correction=0).clamp_min(SMALL)
    return (said.mean - ordered.mean()) / scale, said.std / scale


def _rank(ordered: Tensor, said: Prediction) -> tuple[Tensor, Tensor]:
    """The ranks of predictions among those for the rows, from 0 to 1; beyond the last ones they go on by the range.

    Between two rows the rank is interpolated, so that designs which no row beats are still ordered.
    """
    lowest, highest = ordered[0], ordered[-1]
    span = (highest - lowest).clamp_min(SMALL)
    inside = said.mean.clamp(lowest, highest)
    place, part = _between(ordered, inside)
    return (place + part) / (len(ordered) - 1) + (said.mean - inside) / span, said.std / span


def _between(ordered: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """The place of the row below each of some values (n,), which lie within those of the rows, and how far above."""
    above = torch.searchsorted(ordered, inside, right=True).clamp(1, len(ordered) - 1)
    low, high = ordered[above - 1], ordered[above]
    return above - 1, ((inside - low) / (high - low).clamp_min(SMALL)).clamp(0, 1)


def _increasing(opinion: Tensor, y: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The opinions of the rows, ascending, the scores that they stand for, (N,) each, and the slope of a line, ().

    Isotonic regression of what a line of a tenth of the slope leaves: the map is never flatter than that line.
    """
    slope = _slope(opinion, y, w)
    order = opinion.argsort(stable=True)
    least = FLATTEST * slope * opinion
    u, left, weights = (part[order].double().cpu().numpy() for part in (opinion, y - least, w))
    fitted = torch.from_numpy(IsotonicRegression().fit(u, left, weights).predict(u)).to(y)
    return opinion[order], fitted + least[order], slope


def _scored(state: CommitteeState, opinion: Tensor) -> Tensor:
    """The scores (n,) of opinions: between two rows a line, and beyond the last ones the slope of the line of all."""
    inside = opinion.clamp(state.opinions[0], state.opinions[-1])
    place, part = _between(state.opinions, inside)
    low, high = state.scores[place], state.scores[place + 1]
    return low + part * (high - low) + state.slope * (opinion - inside)


def _slope(opinion: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The slope () of the least-squares line from opinions to scores, (N,) each; it is never negative."""
    mean, mean_y = (w * opinion).sum() / w.sum(), (w * y).sum() / w.sum()
    slope = (w * (opinion - mean) * (y - mean_y)).sum() / (w * (opinion - mean).square()).sum().clamp_min(SMALL)
    return slope.clamp_min(SMALL)


def _agreement(opinions: Tensor) -> Tensor:
    """The smallest correlation of two members' opinions, (members, N), (); 0 where one has no opinion."""
    return torch.corrcoef(opinions).nan_to_num(0.0).min()
