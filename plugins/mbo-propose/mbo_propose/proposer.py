"""Proposals in the manner of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mbo_core.errors import MboError
from mbo_propose.judging import judge
from mbo_propose.pipeline import opened, searched
from mbo_propose.record import Proposals
from mbo_propose.wishes import Wishes

if TYPE_CHECKING:
    from pandas import DataFrame

SCORE = "score"
"""What scores without a name are called."""


class Proposer:
    """Proposes designs after it was fitted to tried ones.

    >>> import numpy as np, pandas as pd
    >>> heat = 20 + np.random.default_rng(0).permutation(60)[:30]
    >>> model = Proposer("ridge-evolution").fit(pd.DataFrame({"heat": heat}), 90 - (heat - 63.0) ** 2 / 30)
    >>> model.propose(2).shape[0]
    2

    Args:
        recipe: `auto`, or a method, a recipe file or a recipe.
        **wishes: what else is asked for, as in `Wishes`, without target and batch.

    Attributes:
        proposals_: all that is known of the last proposals, and of the table.
    """

    proposals_: Proposals

    def __init__(self, recipe: Any = "auto", **wishes: Any) -> None:
        self.recipe, self.wishes = recipe, wishes

    def fit(self, x: Any, y: Any) -> Proposer:
        """Read tried designs x (n, d) and their scores y (n,), judge the table, and choose the recipe.

        Args:
            x: a DataFrame, or an array of numbers.
            y: a Series, an array or a list.
        """
        import pandas

        frame = pandas.DataFrame(x).rename(columns=lambda name: f"x{name}" if isinstance(name, int) else str(name))
        name = str(getattr(y, "name", None) or SCORE)
        if name in frame.columns:
            raise MboError(f'column "{name}" is an input and the score', "rename one of them")
        scored = frame.assign(**{name: pandas.Series(y).to_numpy()})
        self.proposals_ = opened(scored, Wishes(target=name, recipe=self.recipe, **self.wishes))
        judge(self.proposals_, None)
        return self

    def propose(self, n: int = 16) -> DataFrame:
        """A frame of at most n new designs, best first, with what is known of each.

        Raises:
            MboError: before `fit`.
        """
        if not hasattr(self, "proposals_"):
            raise MboError("Proposer is not fitted", "call fit(x, y) first")
        return searched(self.proposals_, n).frame()
