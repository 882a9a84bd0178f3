"""`regression` is least squares; both proxies take their loss where an adversary moved the weights to."""

from __future__ import annotations

from dataclasses import dataclass

import optree
import pytest
import torch
from mbo_grad_ascent.proxy import Ensemble, Regression

from mbo_core.functional import keys
from mbo_core.stages import Adversary, Batch, Data, EncodedSpace, NoAdversary

KEY = keys.key(3)
X = keys.normal(keys.key(5), (50, 3))
Y = -(X**2).sum(1)
DATA = Data(
    X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (3,), None, "real", X.amin(0), X.amax(0))
)


@dataclass(frozen=True, kw_only=True)
class Push(Adversary):
    """Adds a number to every weight."""

    by: float = 0.25
    name = "push"
    moves = frozenset({"weights"})

    def init(self, key, data):
        return ()

    def mine(self, key, state, model, start, batch):
        return start._replace(params=pushed(start.params, self.by)), state


def pushed(params, by):
    return optree.tree_map(lambda leaf: leaf + by, params)


def test_the_loss_and_its_gradient_computed_by_hand():
    proxy = Regression(adversary=NoAdversary(), hidden=())
    layer = {"weight": torch.tensor([[2.0], [0.0], [-1.0]]), "bias": torch.tensor([0.5])}
    state = proxy.init(KEY, DATA)._replace(params=(layer,))
    # The predictions are 2.5 and -0.5, the errors 1.5 and -2.5.
    batch = Batch(torch.tensor([[1.0, 3.0, 0.0], [0.0, 1.0, 1.0]]), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
    after, info = proxy.step(KEY, state, batch)
    assert info["loss"].item() == pytest.approx((1.5**2 + 3 * 2.5**2) / 2)
    # The first step leaves a tenth of the gradient in Adam's first moment: here mean_i of 2 w e x, and of 2 w e.
    [first] = after.optimiser.first
    assert first["weight"].flatten().tolist() == pytest.approx([0.15, 0.45 - 0.75, -0.75])
    assert first["bias"].tolist() == pytest.approx([0.15 - 0.75])
    assert proxy.model(state).loss(state.params, batch) == info["loss"]


def test_prediction_is_the_network_without_uncertainty():
    proxy = Regression(adversary=NoAdversary(), hidden=(8,))
    state = proxy.init(KEY, DATA)
    mean, std = proxy.predict(state, DATA.x)
    assert mean.shape == std.shape == (50,)
    assert (std == 0).all()
    assert torch.equal(proxy.model(state).predict(state.params, DATA.x).mean, mean)


@pytest.mark.parametrize("proxy", [Regression, Ensemble])
def test_loss_is_taken_at_the_moved_weights(proxy):
    batch = Batch(DATA.x, DATA.y, torch.ones(50))
    against, plain = proxy(adversary=Push(), hidden=(8,)), proxy(adversary=NoAdversary(), hidden=(8,))
    state = plain.init(KEY, DATA)
    after, info = against.step(KEY, state, batch)
    there, expected = plain.step(KEY, state._replace(params=pushed(state.params, 0.25)), batch)
    assert info["loss"] == expected["loss"]
    for one, other in zip(*map(optree.tree_leaves, (after.params, there.params)), strict=True):
        torch.testing.assert_close(one, other - 0.25, rtol=0, atol=1e-6)


@pytest.mark.parametrize("proxy", [Regression, Ensemble])
def test_neither_withstands_designs_that_are_moved(proxy):
    assert proxy.trains_against == {"weights"}
