"""`conservative` takes simultaneous primal and dual steps on the published losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import optree
import pytest
import torch
from mbo_coms.adversary import DesignAscent
from mbo_coms.proxy import Conservative
from torch.func import vmap

from mbo_core.functional import keys
from mbo_core.stages import Adversary, Batch, Data, EncodedSpace, NoAdversary
from mbo_core.testing.nests import equal

KEY = keys.key(3)
X = keys.normal(keys.key(5), (50, 4))
Y = -(X**2).sum(1)
DATA = Data(
    X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X.amin(0), X.amax(0))
)
BATCH = Batch(DATA.x, DATA.y, torch.ones(50))

# A network without hidden layers is f(x) = 0.5 + x_1 - 2 x_2, with f = 0.5 and -0.5 here, and errors of 1.5 and -2.5.
SLOPE = torch.tensor([1.0, -2.0, 0.0, 0.0])
ROWS = Batch(
    torch.tensor([[2.0, 1.0, 0.0, 1.0], [1.0, 1.0, 4.0, 0.0]]), torch.tensor([-1.0, 2.0]), torch.tensor([1.0, 1.0])
)


@dataclass(frozen=True, kw_only=True)
class Shift(Adversary):
    """Moves every design along the first coordinate: on the linear network an overestimation of exactly `by`."""

    by: float
    name = "shift"
    moves = frozenset({"designs"})

    def init(self, key, data):
        return ()

    def mine(self, key, state, model, start, batch):
        return start._replace(x=start.x + self.by * torch.eye(4)[0]), state


def linear(adversary, **options):
    proxy = Conservative(adversary=adversary, hidden=(), **options)
    layer = {"weight": SLOPE[:, None].clone(), "bias": torch.tensor([0.5])}
    return proxy, proxy.init(KEY, DATA)._replace(params=(layer,))


def gradient(optimiser):
    """The gradient of the first step, of which Adam's first moment is a tenth."""
    return optree.tree_map(lambda moment: moment / 0.1, optimiser.first)


@pytest.mark.parametrize(("overestimation", "direction"), [(1.5, 1), (0.75, 1), (0.25, -1), (-2.0, -1), (0.5, 0)])
def test_multiplier_rises_while_overestimation_exceeds_the_limit(overestimation, direction):
    proxy, state = linear(Shift(by=overestimation), overestimation_limit=0.5, learning_rate=0.0)
    logs = [state.log_multiplier]
    for _ in range(100):
        state, info = proxy.step(KEY, state, ROWS)
        assert info["overestimation"] == overestimation
        assert info["multiplier"] > 0
        logs.append(state.log_multiplier)
    changes = torch.stack(logs).diff()
    assert torch.equal(changes.sign(), torch.full((100,), float(direction)))
    # Each step of Adam is one learning rate long, as long as the gradient hardly changes.
    assert changes.sum().item() == pytest.approx(direction * 0.01 * 100, rel=0.2)


@pytest.mark.parametrize("learning_rate", [0.0, 0.02])
def test_the_multipliers_learning_rate_is_its_own(learning_rate):
    proxy, state = linear(Shift(by=1.0), multiplier_learning_rate=learning_rate, learning_rate=0.5)
    after, _ = proxy.step(KEY, state, ROWS)
    assert (after.log_multiplier - math.log(0.1)).item() == pytest.approx(learning_rate, abs=1e-6)


STEPS, STEP = 5, 0.25
# Five steps of 0.25 * sqrt(4) = 0.5 up the slope: Delta = 2.5 * |w|^2 = 12.5, of every design alike.
MOVE, DELTA = 2.5, 12.5


def test_losses_of_linear_network_by_hand():
    adversary = DesignAscent(steps=STEPS, step_size=STEP)
    proxy, state = linear(adversary, initial_multiplier=0.2, overestimation_limit=0.5)
    after, info = proxy.step(KEY, state, ROWS)
    assert info["loss"].item() == pytest.approx((1.5**2 + 2.5**2) / 2)
    assert info["overestimation"].item() == pytest.approx(DELTA)
    assert info["multiplier"].item() == pytest.approx(0.2)
    # The squared error has no factor 1/2: the mean of 2 * error * x. Delta adds alpha * mean(x^- - x), which would
    # be twice that if the gradient went through the ascent.
    [layer] = gradient(after.optimiser)
    squared = (1.5 * ROWS.x[0] - 2.5 * ROWS.x[1]).tolist()
    expected = [error + 0.2 * MOVE * slope for error, slope in zip(squared, SLOPE.tolist(), strict=True)]
    assert layer["weight"].flatten().tolist() == pytest.approx(expected, rel=1e-5)
    assert layer["bias"].tolist() == pytest.approx([-1.0], rel=1e-5)
    # Both gradients are taken at the same weights and multiplier: alpha * (limit - Delta).
    assert gradient(after.dual_optimiser).item() == pytest.approx(0.2 * (0.5 - DELTA))


def test_rows_are_weighted_in_all_three_terms():
    adversary = DesignAscent(steps=STEPS, step_size=STEP)
    proxy, state = linear(adversary, initial_multiplier=0.2, overestimation_limit=0.5)
    after, info = proxy.step(KEY, state, ROWS._replace(w=torch.tensor([0.5, 0.0])))
    assert info["loss"].item() == pytest.approx(0.5 * 1.5**2 / 2)
    assert info["overestimation"].item() == pytest.approx(0.25 * DELTA)
    [layer] = gradient(after.optimiser)
    assert layer["bias"].tolist() == pytest.approx([0.25 * 3.0], rel=1e-5)
    assert gradient(after.dual_optimiser).item() == pytest.approx(0.25 * 0.2 * (0.5 - DELTA))


def test_a_batch_that_weighs_nothing_moves_nothing():
    proxy, state = linear(DesignAscent())
    after, _ = proxy.step(KEY, state, ROWS._replace(w=torch.zeros(2)))
    assert equal(after.params, state.params)
    assert after.log_multiplier == state.log_multiplier


def test_the_dual_step_does_not_touch_the_weights():
    states = []
    for limit, learning_rate in ((-1.0, 0.01), (2.0, 0.3)):
        options = {"overestimation_limit": limit, "multiplier_learning_rate": learning_rate}
        proxy = Conservative(adversary=DesignAscent(steps=3), hidden=(8,), **options)
        states.append(proxy.step(KEY, proxy.init(KEY, DATA), BATCH)[0])
    assert equal(states[0].params, states[1].params)
    assert states[0].log_multiplier != states[1].log_multiplier


def test_the_primal_step_does_not_touch_the_multiplier():
    states = []
    for learning_rate, shift in ((3e-4, 0.0), (0.5, 7.0)):
        proxy = Conservative(adversary=DesignAscent(steps=3), hidden=(8,), learning_rate=learning_rate)
        states.append(proxy.step(KEY, proxy.init(KEY, DATA), BATCH._replace(y=BATCH.y + shift))[0])
    assert not equal(states[0].params, states[1].params)
    assert states[0].log_multiplier == states[1].log_multiplier


def test_a_multiplier_of_zero_stays_zero_and_finite():
    proxy, state = linear(DesignAscent(), initial_multiplier=0.0, overestimation_limit=-1.0)
    for _ in range(3):
        state, info = proxy.step(KEY, state, ROWS)
        assert info["multiplier"] == 0
        assert state.log_multiplier == 0


def test_without_an_adversary_it_is_plain_regression():
    states = []
    for multiplier in (0.1, 0.0):
        proxy = Conservative(adversary=NoAdversary(), hidden=(8,), initial_multiplier=multiplier)
        state = proxy.init(KEY, DATA)
        for _ in range(5):
            state, info = proxy.step(KEY, state, BATCH)
            assert info["overestimation"] == 0
        states.append(state)
    for one, other in zip(*(optree.tree_leaves(state.params) for state in states), strict=True):
        torch.testing.assert_close(one, other)


def test_every_design_has_one_prediction_and_no_spread():
    proxy = Conservative(adversary=NoAdversary(), hidden=(8,))
    state = proxy.init(KEY, DATA)
    mean, std = proxy.predict(state, DATA.x)
    assert mean.shape == std.shape == (50,)
    assert (std == 0).all()
    assert proxy.model(state).loss(state.params, BATCH).item() == pytest.approx(((mean - DATA.y) ** 2).mean().item())


@dataclass(frozen=True, kw_only=True)
class Spy(Adversary):
    """Moves nothing, and keeps the designs that it was given."""

    name = "spy"
    moves = frozenset({"designs"})

    def init(self, key, data):
        return torch.zeros_like(data.x)

    def mine(self, key, state, model, start, batch):
        assert torch.equal(start.x, batch.x)
        return start, start.x


@pytest.mark.parametrize("std", [0.0, 0.2])
def test_noise_is_added_once_before_mining(std):
    proxy = Conservative(adversary=Spy(), hidden=(8,), input_noise=std, learning_rate=0.0)
    state, info = proxy.step(KEY, proxy.init(KEY, DATA), BATCH)
    noise = state.adversary - DATA.x
    assert noise.std().item() == pytest.approx(std, rel=0.25)
    torch.testing.assert_close(info["loss"], proxy.model(state).loss(state.params, BATCH._replace(x=state.adversary)))
    assert info["overestimation"] == 0


def test_seeds_together_equal_seeds_alone():
    proxy = Conservative(adversary=DesignAscent(steps=3, entropy_weight=0.5), hidden=(8,), input_noise=0.1)

    def train(key):
        state = proxy.init(key, DATA)
        for number in range(3):
            state, _ = proxy.step(keys.fold_in(key, number), state, BATCH)
        return state

    seeds = keys.split(KEY, 3)
    together = vmap(train, randomness="error")(seeds)
    for i, key in enumerate(seeds):
        for one, other in zip(optree.tree_leaves(together), optree.tree_leaves(train(key)), strict=True):
            torch.testing.assert_close(one[i], other, rtol=1e-4, atol=1e-5)
