"""Judges of proposals, which know all rows of a table; no method sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.stages.columns import Columns
from mbo_core.tasks.table import Table

Values = NDArray[np.float64]

TUNED_ON = 300
"""Rows to which the scales of the Gaussian process are fitted; it then knows all."""


def features(table: Table, x: NDArray[Any]) -> Values:
    """Designs (n, length) as the encoding `columns` of a table writes them, (n, d)."""
    encoding = Columns()
    encoded = encoding.encode(encoding.init(keys.key(0, "cpu"), table), torch.tensor(x))
    return np.asarray(encoded.double().numpy())


def forest(table: Table, seed: int = 0) -> RandomForestRegressor:
    """A forest of 200 trees on the rows of a table."""
    return RandomForestRegressor(200, min_samples_leaf=2, random_state=seed).fit(features(table, table.x), table.y)


@dataclass(frozen=True)
class Judges:
    """Scores of designs by rows of the table and by two families of models; larger is better."""

    whole: mbo.Task

    def nearest(self, x: NDArray[Any]) -> tuple[Values, Values]:
        """The score of the row nearest to each design (n,), and its distance, (n,): 0 where the table holds it."""
        table = self.whole.table.x
        far = np.stack([self.whole.space.distance(np.repeat(one[None], len(table), 0), table) for one in x])
        close = far.min(1)
        scores = [self.whole.y[row <= low + 1e-12].mean() for row, low in zip(far, close, strict=True)]
        return np.array(scores), close

    def forest(self, x: NDArray[Any]) -> Values:
        """What a forest on all rows predicts, (n,)."""
        return np.asarray(self._forest.predict(features(self.whole.table, x)))

    def process(self, x: NDArray[Any]) -> Values:
        """What a Gaussian process on all rows predicts, (n,)."""
        return np.asarray(self._process.predict(features(self.whole.table, x)))

    @cached_property
    def _forest(self) -> RandomForestRegressor:
        return forest(self.whole.table)

    @cached_property
    def _process(self) -> GaussianProcessRegressor:
        x, y = features(self.whole.table, self.whole.x), self.whole.y
        some = np.random.default_rng(0).permutation(len(y))[:TUNED_ON]
        kernel = ConstantKernel(1.0) * Matern(np.ones(x.shape[1]), (0.05, 100), nu=2.5) + WhiteKernel(0.1, (1e-3, 1))
        tuned = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(x[some], y[some])
        return GaussianProcessRegressor(tuned.kernel_, optimizer=None, normalize_y=True).fit(x, y)
