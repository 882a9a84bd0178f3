"""The proxies predict what scikit-learn's own models predict, and their states are arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mbo_tabular.bagging import LEAST_STD, out_of_bag
from mbo_tabular.forest import Boosting, Forest
from mbo_tabular.ridge import RidgeProxy
from mbo_tabular.splines import basis, features, splines
from mbo_tabular.trees import most_nodes
from sklearn.preprocessing import SplineTransformer

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.stages import Data, EncodedSpace
from mbo_core.testing import small_task

KEY = keys.key(3)


def data(rows: int = 80, d: int = 4) -> Data:
    """Numbers, one of them whole, one of two values and one constant; rows of different weights."""
    x = keys.normal(KEY, (rows, d))
    x[:, 1] = x[:, 1].round()
    x[:, 2] = (x[:, 2] > 0).float()
    x[:, 3] = 1.0
    y = x[:, 0] - x[:, 1] ** 2 + 2 * x[:, 2] * x[:, 0]
    space = EncodedSpace("continuous", (d,), None, "real", x.amin(0), x.amax(0))
    return Data(x, (y - y.mean()) / y.std(), space, 0.5 + keys.uniform(KEY, (rows,)))


DATA = data()
NEW = torch.cat([DATA.x, 3 * keys.normal(keys.fold_in(KEY, 1), (200, 4))])
TREES = {
    "forest": Forest(trees=20),
    "few rows in no leaf": Forest(trees=5, leaf=6, features=0.5),
    "extra trees": Forest(trees=20, splits="random"),
    "boosting": Boosting(members=4, rounds=15),
    "deep boosting": Boosting(members=2, rounds=5, depth=8, share=1.0),
}


@pytest.mark.parametrize("proxy", TREES.values(), ids=TREES)
def test_trees_predict_as_the_library_does(proxy):
    state, _ = proxy.init(KEY, DATA)
    _, models = proxy.grown(KEY, DATA)
    expected = np.stack([model.predict(NEW.numpy()) for model in models])
    found = proxy.predict(state, NEW)
    assert np.abs(found.mean.numpy() - expected.mean(0)).max() < 1e-6
    assert np.allclose(found.std.numpy(), np.sqrt(expected.var(0) + LEAST_STD**2), atol=1e-6)


@pytest.mark.parametrize("proxy", [TREES["forest"], TREES["extra trees"]], ids=["best", "random"])
def test_a_threshold_between_float32_numbers(proxy):
    """Of two neighbouring numbers the lower goes left, the upper right, as for the library."""
    low = torch.tensor(8.0)
    x = torch.stack([low, torch.nextafter(low, torch.tensor(9.0))])[torch.arange(40) % 2][:, None]
    y = torch.tensor([-1.0, 1.0]).repeat(20)
    close = Data(x, y, EncodedSpace("continuous", (1,), None, "real", x.amin(0), x.amax(0)))
    state, _ = proxy.init(KEY, close)
    _, models = proxy.grown(KEY, close)
    expected = np.mean([model.predict(x.numpy()) for model in models], axis=0)
    assert np.abs(proxy.predict(state, x).mean.numpy() - expected).max() < 1e-6
    assert np.ptp(expected) > 1 or proxy.splits == "random"


def test_rows_that_no_tree_drew_judge_the_forest():
    means = torch.tensor([[1.0, 2.0, 9.0], [3.0, 9.0, 9.0]])
    weights = torch.tensor([[0.0, 0.0, 2.0], [0.0, 1.5, 1.0]])
    assert torch.isclose(out_of_bag(means, weights, torch.tensor([2.5, 2.0, 0.0])), torch.tensor(0.125**0.5))
    assert out_of_bag(means, torch.ones(2, 3), torch.zeros(3)) == 1


def test_no_tree_has_more_nodes_than_its_bound():
    for rows, leaf, depth in ((80, 1, None), (80, 6, None), (80, 1, 3)):
        deepest = Forest(trees=2, leaf=leaf) if depth is None else Boosting(members=2, rounds=2, depth=depth)
        state, _ = deepest.init(KEY, data(rows))
        assert state.feature.shape[-1] == most_nodes(rows, leaf, depth)
    assert most_nodes(1, 5) == 1


def test_weights_move_the_models():
    heavy = Data(DATA.x, DATA.y, DATA.space, torch.where(DATA.y > 1, 50.0, 1.0))
    for proxy in (Forest(trees=20, leaf=10), Boosting(members=4, rounds=10), RidgeProxy()):
        plain, weighted = (proxy.predict(proxy.init(KEY, one)[0], DATA.x).mean.mean() for one in (DATA, heavy))
        assert weighted > plain + 0.1


@pytest.mark.parametrize("knots", [[0.0, 1.0], [-1.0, 0.0, 2.0], [-2.0, -1.9, 0.0, 0.5, 3.0]])
def test_splines_are_those_of_the_library(knots):
    at = torch.linspace(-4, 4, 81, dtype=torch.float64)
    ends = np.array(knots)[:, None]
    expected = SplineTransformer(degree=3 if len(knots) > 2 else 1, knots=ends).fit(ends).transform(at.numpy()[:, None])
    found = basis(at, torch.tensor(knots, dtype=torch.float64))
    assert np.abs(found.numpy() - expected).max() < 1e-12
    assert torch.allclose(found.sum(1), torch.ones_like(at))


def test_ridge_predicts_as_the_library_does():
    proxy = RidgeProxy(members=5)
    state, info = proxy.init(KEY, DATA)
    _, penalty, models = proxy.fitted(KEY, DATA)
    x = features(splines(DATA.x, proxy.knots), NEW).numpy()
    expected = np.stack([model.predict(x) for model in models])
    found = proxy.predict(state, NEW)
    assert np.abs(found.mean.numpy() - expected.mean(0)).max() < 1e-6
    assert np.allclose(found.std.numpy(), np.sqrt(expected.var(0) + LEAST_STD**2), atol=1e-6)
    assert info["penalty"] == torch.tensor(penalty)
    assert RidgeProxy(penalty=7.0).init(KEY, DATA)[1]["penalty"] == 7


def test_ridge_has_main_effects_only():
    """What one coordinate adds does not depend on the others; beyond the data it stays as it is."""
    proxy = RidgeProxy()
    state, _ = proxy.init(KEY, DATA)
    rises = []
    for level in (0.0, 1.0):
        one = torch.cat([NEW[:, :2], torch.full_like(NEW[:, 2:], level)], dim=1)
        other = torch.cat([one[:, :1] + 0.7, one[:, 1:]], dim=1)
        rises.append(proxy.predict(state, other).mean - proxy.predict(state, one).mean)
    assert torch.allclose(*rises, atol=1e-5)
    far = torch.tensor([[9.0, 0.0, 0.0, 1.0], [99.0, 0.0, 0.0, -5.0]])
    assert proxy.predict(state, far).mean.unique().numel() == 1


def test_ridge_finds_an_additive_optimum():
    x = 4 * keys.uniform(KEY, (300, 3)) - 2
    y = -(x[:, 0] ** 2) + torch.sin(x[:, 1]) + x[:, 2]
    toy = Data(x, (y - y.mean()) / y.std(), EncodedSpace("continuous", (3,), None, "real", x.amin(0), x.amax(0)))
    state, info = RidgeProxy().init(KEY, toy)
    assert info["out_of_bag"] < 0.1
    grid = torch.cartesian_prod(*[torch.linspace(-2, 2, 21)] * 3)
    best = grid[RidgeProxy().predict(state, grid).mean.argmax()]
    assert (best - torch.tensor([0.0, torch.pi / 2, 2.0])).abs().max() < 0.35


PROXIES = ("forest", "boosting", "ridge", "committee")


@pytest.mark.parametrize("use", PROXIES)
def test_a_stored_run_predicts_again(use, tmp_path):
    """No pickle: the arrays of the state are read into what a fresh fit makes."""
    task = small_task("discrete", rows=60)
    few = {"forest": {"trees": 5}, "boosting": {"members": 2, "rounds": 5}, "ridge": {"members": 3}}
    few["committee"] = {"first": {"use": "forest", "trees": 5}, "second": {"use": "ridge", "members": 3}}
    proxy = {"use": use, **few[use]}
    recipe = {"proxy": proxy, "update": {"use": "evolution", "generations": 2, "candidates": 8}}
    result = mbo.run(recipe, task, seeds=[4, 9], out=tmp_path / "run")
    read = mbo.load(tmp_path / "run", task=task)
    designs = np.concatenate(result.designs)
    assert np.array_equal(read.predict(designs).means, result.predict(designs).means)
    assert np.array_equal(read.predict(designs).stds, result.predict(designs).stds)
