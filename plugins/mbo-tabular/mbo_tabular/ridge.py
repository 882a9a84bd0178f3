"""An additive proxy: each coordinate adds its own effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from sklearn.linear_model import Ridge, RidgeCV
from torch import Tensor

from mbo_core.stages import Ability, Data, Info, Key, Prediction, Proxy, Schedule, option
from mbo_tabular.bagging import OUT_OF_BAG, averaged, drawn, out_of_bag
from mbo_tabular.splines import Splines, features, splines

PENALTIES = tuple(10 ** (power / 2) for power in range(-6, 7))
"""From which the penalty is chosen: 0.001 to 1,000."""


class Additive(NamedTuple):
    """Members that are linear in the same splines."""

    splines: Splines
    weights: Tensor
    """(members, features) float64"""
    intercept: Tensor
    """(members,) float64"""


@dataclass(frozen=True, kw_only=True)
class RidgeProxy(Proxy):
    """Main effects by ridge regression: one-hot levels, and cubic splines of numbers; a member on each draw of rows.

    The mean and the standard deviation are those over the members.
    """

    members: int = option(20, "number of regressions, each on its own draw of the rows", at_least=2)
    knots: int = option(6, "the most knots of a spline, at quantiles", at_least=2)
    penalty: float | None = option(None, "of the squared weights; by default chosen by leave-one-out", above=0.0)

    name: ClassVar[str] = "ridge"
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "uncertainty"})
    infos: ClassVar[Mapping[str, str]] = {"out_of_bag": OUT_OF_BAG, "penalty": "of the squared weights"}
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    def schedule(self, data: Data) -> Schedule:
        """No epochs."""
        return Schedule(epochs=0, batch_size=1)

    def init(self, key: Key, data: Data) -> tuple[Additive, Info]:
        """The fitted members, the penalty, and their error on rows that a member did not draw."""
        weights, penalty, fitted = self.fitted(key, data)
        coefficients = torch.from_numpy(np.stack([one.coef_ for one in fitted]))
        intercept = torch.tensor([float(one.intercept_) for one in fitted], dtype=torch.float64)
        state = Additive(splines(data.x, self.knots), coefficients.to(data.x.device), intercept.to(data.x.device))
        told = out_of_bag(self._means(state, data.x), weights, data.y)
        return state, {"out_of_bag": told, "penalty": torch.tensor(penalty)}

    def fitted(self, key: Key, data: Data) -> tuple[Tensor, float, list[Any]]:
        """The weights of the rows for each member, (members, N), the penalty, and scikit-learn's regressions."""
        x = features(splines(data.x, self.knots), data.x).cpu().numpy()
        y, w = data.y.double().cpu().numpy(), data.w.double().cpu().numpy()
        penalty = self.penalty
        if penalty is None:
            penalty = float(RidgeCV(PENALTIES).fit(x, y, sample_weight=w).alpha_)
        weights = drawn(key, self.members, data.w)
        members = [Ridge(penalty).fit(x, y, sample_weight=own.double().cpu().numpy()) for own in weights]
        return weights, penalty, members

    def predict(self, state: Additive, x: Tensor) -> Prediction:
        """The mean of the members, and their spread."""
        return averaged(self._means(state, x.detach()))

    def _means(self, state: Additive, x: Tensor) -> Tensor:
        return state.weights @ features(state.splines, x).T + state.intercept[:, None]
