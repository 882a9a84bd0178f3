"""Proxies of trees, grown by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.tree import DecisionTreeRegressor
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import Ability, Data, Info, Key, Prediction, Proxy, Schedule, option
from mbo_tabular.bagging import OUT_OF_BAG, averaged, drawn, out_of_bag, seeds
from mbo_tabular.trees import Trees, as_arrays, most_nodes, predicted


@dataclass(frozen=True, kw_only=True)
class Forest(Proxy):
    """A random forest (Breiman 2001), or extremely randomised trees (Geurts, Ernst and Wehenkel 2006).

    Each tree is grown on its own draw of the rows. The standard deviation is that over the trees.
    """

    trees: int = option(100, "number of trees, each a member", at_least=2)
    splits: Literal["best", "random"] = option(
        "best", "the best threshold of a coordinate, or a random one: extra trees"
    )
    features: float = option(1.0, "share of the coordinates among which a split is chosen", above=0.0, at_most=1.0)
    leaf: int = option(1, "the fewest rows in a leaf", at_least=1, share=1 / 4)

    name: ClassVar[str] = "forest"
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "uncertainty"})
    infos: ClassVar[Mapping[str, str]] = {"out_of_bag": OUT_OF_BAG}
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    def schedule(self, data: Data) -> Schedule:
        """No epochs."""
        return Schedule(epochs=0, batch_size=1)

    def init(self, key: Key, data: Data) -> tuple[Trees, Info]:
        """The grown trees, and their error on rows that a tree did not draw."""
        weights, grown = self.grown(key, data)
        made = as_arrays([[tree.tree_] for tree in grown], [0.0] * self.trees, 1.0, most_nodes(len(data.y), self.leaf))
        return _placed(made, data, weights)

    def grown(self, key: Key, data: Data) -> tuple[Tensor, list[Any]]:
        """The weights of the rows for each tree, (trees, N), and scikit-learn's trees."""
        draw_rows, draw_seeds = keys.split(key)
        weights = drawn(draw_rows, self.trees, data.w)
        options = {"splitter": self.splits, "max_features": self.features, "min_samples_leaf": self.leaf}
        made = [DecisionTreeRegressor(random_state=seed, **options) for seed in seeds(draw_seeds, self.trees)]
        return weights, [_fitted(tree, data, own) for tree, own in zip(made, weights, strict=True)]

    def predict(self, state: Trees, x: Tensor) -> Prediction:
        """The mean of the trees, and their spread."""
        return averaged(predicted(state, x))


@dataclass(frozen=True, kw_only=True)
class Boosting(Proxy):
    """Gradient boosting of small trees (Friedman 2001), several times on draws of the rows.

    The standard deviation is that over the members.
    """

    members: int = option(10, "number of boosted sums, each on its own draw of the rows", at_least=2)
    rounds: int = option(100, "trees of a member", at_least=1)
    depth: int = option(3, "depth of a tree: the most coordinates that act together", at_least=1, at_most=12)
    learning_rate: float = option(0.1, "factor of a tree's values", above=0.0)
    leaf: int = option(1, "the fewest rows in a leaf", at_least=1, share=1 / 4)
    share: float = option(0.5, "share of a draw on which each tree is grown", above=0.0, at_most=1.0)

    name: ClassVar[str] = "boosting"
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "uncertainty"})
    infos: ClassVar[Mapping[str, str]] = {"out_of_bag": OUT_OF_BAG}
    lift: ClassVar[Literal["vmap", "loop"]] = "loop"

    def schedule(self, data: Data) -> Schedule:
        """No epochs."""
        return Schedule(epochs=0, batch_size=1)

    def init(self, key: Key, data: Data) -> tuple[Trees, Info]:
        """The grown trees, and their error on rows that a member did not draw."""
        weights, grown = self.grown(key, data)
        members = [[tree.tree_ for tree in one.estimators_[:, 0]] for one in grown]
        base = [float(one.init_.constant_.item()) for one in grown]
        nodes = most_nodes(len(data.y), self.leaf, self.depth)
        return _placed(as_arrays(members, base, self.learning_rate, nodes), data, weights)

    def grown(self, key: Key, data: Data) -> tuple[Tensor, list[Any]]:
        """The weights of the rows for each member, (members, N), and scikit-learn's models."""
        draw_rows, draw_seeds = keys.split(key)
        weights = drawn(draw_rows, self.members, data.w)
        options: dict[str, Any] = {"n_estimators": self.rounds, "max_depth": self.depth}
        options |= {"learning_rate": self.learning_rate, "min_samples_leaf": self.leaf}
        # scikit-learn measures each tree on the rows that it did not draw; of one row there is none.
        shares = [self.share if (own > 0).sum() > 1 else 1.0 for own in weights]
        states = seeds(draw_seeds, self.members)
        made = [GradientBoostingRegressor(random_state=state, subsample=share, **options)
                for state, share in zip(states, shares, strict=True)]  # fmt: skip
        return weights, [_fitted(one, data, own) for one, own in zip(made, weights, strict=True)]

    def predict(self, state: Trees, x: Tensor) -> Prediction:
        """The mean of the members, and their spread."""
        return averaged(predicted(state, x))


def _fitted(model: Any, data: Data, weights: Tensor) -> Any:
    """The model, fitted to the rows that have a weight."""
    rows = weights > 0
    x, y, w = (part[rows].cpu().numpy() for part in (data.x, data.y, weights))
    return model.fit(x, y.astype(np.float64), sample_weight=w.astype(np.float64))


def _placed(trees: Trees, data: Data, weights: Tensor) -> tuple[Trees, Info]:
    """The trees where the data are, and their error out of the bag."""
    placed = Trees(*(part.to(data.x.device) for part in trees))
    return placed, {"out_of_bag": out_of_bag(predicted(placed, data.x), weights, data.y)}
