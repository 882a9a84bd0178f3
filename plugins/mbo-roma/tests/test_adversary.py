"""`weight-ascent` finds a higher loss near the weights of any proxy trained against it, and leaves nothing behind."""

from __future__ import annotations

from functools import lru_cache

import optree
import pytest
import torch
from mbo_coms.proxy import Conservative
from mbo_grad_ascent.proxy import Ensemble, Regression
from mbo_roma.adversary import WeightAscent
from mbo_roma.proxy import Smooth
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.stages import Batch, Data, EncodedSpace, Mined, Model, NoAdversary, Prediction

KEY = keys.key(3)
X = keys.normal(keys.key(5), (64, 4))
Y = torch.sin(2 * X[:, 0]) - X[:, 1] ** 2
DATA = Data(X, (Y - Y.mean()) / Y.std(), EncodedSpace("continuous", (4,), None, "real", X.amin(0), X.amax(0)))
BATCH = Batch(DATA.x, DATA.y, torch.ones(64))
STILL = NoAdversary()
PROXIES = {
    "regression": lambda adversary: Regression(adversary=adversary, hidden=(16,), learning_rate=1e-2),
    "ensemble": lambda adversary: Ensemble(adversary=adversary, hidden=(16,), members=3, learning_rate=1e-2),
    "conservative": lambda adversary: Conservative(adversary=adversary, hidden=(16,), learning_rate=1e-2),
    "smooth": lambda adversary: Smooth(adversary=adversary, hidden=(16,), learning_rate=1e-2),
    "smooth, squared": lambda adversary: Smooth(adversary=adversary, hidden=(16,), learning_rate=1e-2, loss="squared"),
}
every_proxy = pytest.mark.parametrize("make", PROXIES.values(), ids=PROXIES)


@lru_cache
def trained(proxy, steps=40):
    state = proxy.init(KEY, DATA)
    for number in range(steps):
        state, info = proxy.step(keys.fold_in(KEY, number), state, BATCH)
    return state, info


def mine(adversary, model, params, batch=BATCH):
    found, state = adversary.mine(KEY, adversary.init(KEY, DATA), model, Mined(params, batch.x), batch)
    assert state == ()
    return found


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("radius", [5e-4, 5e-3])
@every_proxy
def test_it_raises_the_loss_of_a_trained_network(make, radius, biases):
    proxy = make(STILL)
    state, _ = trained(proxy)
    model = proxy.model(state)
    found = mine(WeightAscent(radius=radius, biases=biases), model, state.params)
    assert model.loss(found.params, BATCH) > model.loss(state.params, BATCH)


@every_proxy
def test_every_proxy_that_withstands_it_learns_under_it(make):
    proxy = make(WeightAscent(radius=0.02))
    (first, _), (state, info) = trained(proxy, 1), trained(proxy, 25)
    assert proxy.model(state).loss(state.params, BATCH) < proxy.model(state).loss(first.params, BATCH) - 0.05
    assert info["loss"] > proxy.model(state).loss(state.params, BATCH) - 0.1


def test_climbs_the_loss_of_the_batch():
    # loss = sum of w * (a . x): in the direction of the weighted sum of designs, 5e-3 of the norm of a.
    weights = torch.tensor([3.0, 0.0, 0.0, 4.0])

    def loss(params, batch: Batch) -> Tensor:
        return (batch.w * (batch.x @ params[0])).sum()

    model = Model(lambda params, x: Prediction(x @ params[0], x[:, 0]), loss)
    batch = Batch(X[:3], Y[:3], torch.tensor([1.0, 2.0, -1.0]))
    direction = X[0] + 2 * X[1] - X[2]
    found = mine(WeightAscent(), model, (weights,), batch)
    torch.testing.assert_close(found.params[0] - weights, 5e-3 * 5 * direction / direction.norm())
    assert found.x is batch.x


def test_leaves_no_gradient_and_unchanged_weights():
    proxy = Smooth(adversary=NoAdversary(), hidden=(8,))
    params = optree.tree_map(lambda leaf: leaf.clone().requires_grad_(), proxy.init(KEY, DATA).params)
    before = optree.tree_map(lambda leaf: leaf.detach().clone(), params)
    found = mine(WeightAscent(steps=3), proxy.model(()), params)
    assert not any(leaf.requires_grad for leaf in optree.tree_leaves(found.params))
    assert all(leaf.grad is None for leaf in optree.tree_leaves(params))
    assert all(map(torch.equal, optree.tree_leaves(params), optree.tree_leaves(before)))


@pytest.mark.parametrize("options", [{"radius": 0.0}, {"steps": 0}])
def test_without_a_radius_or_steps_the_weights_stay(options):
    proxy = Smooth(adversary=NoAdversary(), hidden=(8,))
    params = proxy.init(KEY, DATA).params
    found = mine(WeightAscent(**options), proxy.model(()), params)
    assert all(map(torch.equal, optree.tree_leaves(params), optree.tree_leaves(found.params)))


@pytest.mark.parametrize(("biases", "zero"), [(True, "at first"), (False, "always")])
def test_nonzero_biases_move_in_the_released_form(biases, zero):
    proxy = Smooth(adversary=NoAdversary(), hidden=(8,))
    for steps, moves in [(0, False), (5, biases)]:
        state, _ = trained(proxy, steps) if steps else (proxy.init(KEY, DATA), None)
        found = mine(WeightAscent(biases=biases), proxy.model(state), state.params)
        for before, after in zip(state.params["layers"], found.params["layers"], strict=True):
            assert not torch.equal(before["weight"], after["weight"])
            assert torch.equal(before["bias"], after["bias"]) != moves
