"""`smooth` takes RoMA's first stage: noise, mining and gradient on one batch, and a step from the weights unmoved."""

from __future__ import annotations

from dataclasses import dataclass, field

import optree
import pytest
import torch
from mbo_roma.adversary import WeightAscent
from mbo_roma.nets import ResidualMLP
from mbo_roma.proxy import Smooth
from torch.func import vmap

from mbo_core.errors import TaskError
from mbo_core.functional import batches, keys
from mbo_core.functional.nets import GaussianMLP, bounded_std, gaussian_nll
from mbo_core.functional.optim import Adam
from mbo_core.stages import Adversary, Batch, Data, EncodedSpace, Mined, NoAdversary

KEY = keys.key(3)
X = keys.normal(keys.key(5), (300, 4))
Y = torch.sin(2 * X[:, 0]) - X[:, 1] ** 2
DATA = Data(X, (Y - Y.mean()) / Y.std(), EncodedSpace("continuous", (4,), None, "real", X.amin(0), X.amax(0)))
BATCH = Batch(DATA.x[:50], DATA.y[:50], torch.ones(50))
LOSSES = ["nll", "squared"]


@dataclass(frozen=True, kw_only=True)
class Shift(Adversary):
    """Adds a number to every weight, and keeps the batches that it saw."""

    by: float = 0.05
    seen: list = field(default_factory=list)
    name = "shift"
    moves = frozenset({"weights"})

    def init(self, key, data):
        return ()

    def mine(self, key, state, model, start, batch):
        self.seen.append((batch, start))
        return start._replace(params=shifted(start.params, self.by)), state


def shifted(params, by):
    return optree.tree_map(lambda leaf: leaf + by, params)


def same(one, other) -> bool:
    return all(map(torch.equal, optree.tree_leaves(one), optree.tree_leaves(other)))


def proxy(adversary=None, **options) -> Smooth:
    return Smooth(adversary=adversary or NoAdversary(), **{"hidden": (16, 16), **options})


def train(stage, steps=80):
    state = stage.init(KEY, DATA)
    for number in range(steps):
        state, info = stage.step(keys.fold_in(KEY, number), state, BATCH)
    return state, info


@pytest.mark.parametrize("loss", LOSSES)
def test_adam_steps_from_the_original_weights(loss):
    """The gradient is that at the moved weights."""
    adversary = Shift()
    stage = proxy(adversary, loss=loss, clip_norm=0.1)
    state, _ = train(stage, 3)
    after, info = stage.step(KEY, state, BATCH)
    noisy, start = adversary.seen[-1]
    assert start.params is state.params
    assert start.x is noisy.x
    leaves, structure = optree.tree_flatten(shifted(state.params, 0.05))
    leaves = [leaf.requires_grad_() for leaf in leaves]
    value = stage.model(state).loss(structure.unflatten(leaves), noisy)
    slopes = torch.autograd.grad(value, leaves, materialize_grads=True)
    # Each tensor's gradient is clipped by itself.
    clipped = structure.unflatten([slope * min(1, 0.1 / max(slope.norm().item(), 1e-9)) for slope in slopes])
    assert sum(slope.norm() > 0.1 for slope in slopes) >= 3
    expected, _ = Adam(1e-3).step(state.params, clipped, state.optimiser)
    for one, other in zip(expected["layers"], after.params["layers"], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    assert info["loss"].item() == pytest.approx(value.item())
    assert info["loss_before"].item() == pytest.approx(stage.model(state).loss(state.params, noisy).item())


@pytest.mark.parametrize("noise", [0.0, 0.2, 1.0])
def test_the_noise_is_drawn_once_a_batch(noise):
    adversary = Shift()
    stage = proxy(adversary, input_noise=noise)
    _, info = stage.step(KEY, stage.init(KEY, DATA), Batch(DATA.x, DATA.y, torch.ones(300)))
    [(seen, start)] = adversary.seen
    added = seen.x - DATA.x
    assert added.std().item() == pytest.approx(noise, rel=0.1)
    assert added.mean().abs() < 0.1 * noise + 1e-9
    assert torch.equal(seen.y, DATA.y)
    # The gradient is taken on the very batch that was mined.
    assert info["loss"] == stage.model(start).loss(shifted(start.params, 0.05), seen)


def test_another_key_draws_other_noise():
    adversary = Shift()
    stage = proxy(adversary)
    state = stage.init(KEY, DATA)
    for number in range(2):
        stage.step(keys.key(number), state, BATCH)
    (one, _), (other, _) = adversary.seen
    assert not torch.isclose(one.x, other.x).any(1).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_radius_0_is_noisy_plain_training(loss):
    """To the bit that of training without an adversary."""
    (plain, _), (still, _), (moved, _) = (
        train(proxy(adversary, loss=loss), 10)
        for adversary in (None, WeightAscent(radius=0.0), WeightAscent(radius=5e-3))
    )
    assert same(plain.params, still.params)
    assert not same(plain.params, moved.params)


@pytest.mark.parametrize("loss", LOSSES)
def test_learning_rate_0_keeps_the_weights(loss):
    stage = proxy(WeightAscent(), loss=loss, learning_rate=0.0)
    start, (after, _) = stage.init(KEY, DATA), train(stage, 5)
    assert same(start.params["layers"], after.params["layers"])


def test_mining_raises_the_loss():
    _, info = train(proxy(WeightAscent()), 20)
    assert info["loss"] > info["loss_before"] - 1e-6


def test_without_an_adversary_there_is_one_loss():
    assert set(train(proxy(), 1)[1]) == {"loss"}


def test_std_stays_within_bounds_far_away():
    stage = proxy(bounds="frozen")
    many = torch.stack([stage.predict(stage.init(keys.key(seed), DATA), 1e3 * X).std for seed in range(20)])
    for std in (many, stage.predict(train(stage)[0], 1e3 * X).std):
        assert std.min() >= 0.1 - 1e-7
        assert std.max() <= 0.1 + 0.2 + 1e-7
    assert many.max() - many.min() > 0.19


@pytest.mark.parametrize("bounds", ["trained", "frozen"])
def test_the_bounds_of_the_std_are_trained(bounds):
    start = proxy().init(KEY, DATA)
    after, _ = train(proxy(WeightAscent(), bounds=bounds), 10)
    kept = bounds == "frozen"
    assert (after.params["upper"] == start.params["upper"]) == kept
    assert (after.params["lower"] == start.params["lower"]) == kept
    assert not same(after.params["layers"], start.params["layers"])


def test_the_adversary_never_moves_the_bounds():
    stage = proxy(WeightAscent(radius=0.5))
    state, _ = train(stage, 10)
    moved, _ = stage.adversary.mine(KEY, (), stage.model(state), Mined(state.params, BATCH.x), BATCH)
    assert moved.params["upper"] == state.params["upper"]
    assert moved.params["lower"] == state.params["lower"]
    assert not same(moved.params["layers"], state.params["layers"])


def test_the_likelihood_is_that_of_a_bounded_gaussian():
    stage = proxy()
    state, _ = train(stage, 5)
    mean, raw = _trunk(state.params["layers"], BATCH.x).T
    std = bounded_std(raw, state.params["upper"], state.params["lower"])
    torch.testing.assert_close(stage.predict(state, BATCH.x).mean, mean)
    torch.testing.assert_close(stage.predict(state, BATCH.x).std, std)
    density = torch.distributions.Normal(mean, std).log_prob(BATCH.y)
    w = torch.linspace(0, 2, 50)
    torch.testing.assert_close(stage.model(state).loss(state.params, BATCH._replace(w=w)), -(w * density).mean())


def _trunk(layers, x):
    for layer in layers[:-1]:
        x = torch.nn.functional.softplus(x @ layer["weight"] + layer["bias"])
    return x @ layers[-1]["weight"] + layers[-1]["bias"]


def test_the_papers_loss_is_the_squared_error():
    stage = proxy(loss="squared")
    state, _ = train(stage, 5)
    error = stage.predict(state, BATCH.x).mean - BATCH.y
    torch.testing.assert_close(_trunk(state.params["layers"], BATCH.x)[:, 0], stage.predict(state, BATCH.x).mean)
    w = torch.linspace(0, 2, 50)
    torch.testing.assert_close(stage.model(state).loss(state.params, BATCH._replace(w=w)), (w * error**2).mean())


def test_squared_error_std_is_that_of_errors():
    stage = proxy(loss="squared", learning_rate=0.0, input_noise=0.0)
    state = stage.init(KEY, DATA)
    assert torch.equal(stage.predict(state, X).std, torch.ones(300))
    error = (stage.predict(state, BATCH.x).mean - BATCH.y).square().mean()
    once, _ = stage.step(KEY, state, BATCH)
    assert stage.predict(once, X).std[0].item() == pytest.approx((0.99 + 0.01 * error.item()) ** 0.5)
    params = state.params
    for _ in range(1000):
        params = ResidualMLP((16, 16)).observe(params, error)
    torch.testing.assert_close(params["residual"], error.sqrt(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_0_leave_rows_out(loss):
    stage = proxy(WeightAscent(steps=2), loss=loss)
    state, _ = train(stage, 3)
    w = torch.cat([torch.full((25,), 2.0), torch.zeros(25)])
    noise_free = proxy(WeightAscent(steps=2), loss=loss, input_noise=0.0)
    half, _ = noise_free.step(KEY, state, Batch(BATCH.x[:25], BATCH.y[:25], torch.ones(25)))
    weighted, _ = noise_free.step(KEY, state, BATCH._replace(w=w))
    for one, other in zip(half.params["layers"], weighted.params["layers"], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_batches_are_whole():
    schedule = proxy(batch_size=64, held_out=20).schedule(DATA)
    assert (schedule.batch_size, schedule.held_out, schedule.drop_last) == (64, 20, True)
    assert [len(batch.y) for batch in batches.iterate(KEY, DATA, proxy(batch_size=64, epochs=1).schedule(DATA))] == [64]


def test_data_of_less_than_a_batch_are_refused():
    with pytest.raises(TaskError, match="201 rows leave 1 to train on after 200 are held out; 2 are needed"):
        batches.check_rows(proxy().schedule(DATA), 201)


def test_constant_scores_are_learned():
    stage = proxy(WeightAscent())
    state = stage.init(KEY, DATA)
    for number in range(15):
        state, info = stage.step(keys.fold_in(KEY, number), state, BATCH._replace(y=torch.zeros(50)))
    assert torch.isfinite(info["loss"])
    assert stage.predict(state, X).mean.abs().max() < 2


def test_the_network_is_the_cores_softplus_network():
    stage = proxy()
    state = stage.init(KEY, DATA)
    expected = GaussianMLP((16, 16), "softplus").apply(state.params, BATCH.x)
    assert torch.equal(stage.model(state).loss(state.params, BATCH), gaussian_nll(expected, BATCH.y).mean())


@pytest.mark.parametrize("loss", LOSSES)
def test_seeds_together_equal_seeds_alone(loss):
    stage = proxy(WeightAscent(steps=3), loss=loss)
    seeds = keys.split(KEY, 3)

    def run(key):
        state = stage.init(key, DATA)
        for number in range(3):
            state, _ = stage.step(keys.fold_in(key, number), state, BATCH)
        return state.params

    together = vmap(run, randomness="error")(seeds)
    for position, key in enumerate(seeds):
        for one, other in zip(optree.tree_leaves(together), optree.tree_leaves(run(key)), strict=True):
            torch.testing.assert_close(one[position], other, rtol=1e-4, atol=1e-5)
