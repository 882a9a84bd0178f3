"""The adversary takes one step of a global norm, and the proxy pays for the rise of its mean prediction there."""

from __future__ import annotations

from dataclasses import replace

import optree
import pytest
import torch
from mbo_ignite.adversary import MeanAscent
from mbo_ignite.proxy import LowSharpness
from torch.func import grad, vmap

from mbo_core.functional import batches, keys
from mbo_core.functional.nets import GaussianMLP, gaussian_nll
from mbo_core.functional.optim import Adam
from mbo_core.stages import Batch, Data, EncodedSpace, Mined, Model, NoAdversary, Prediction
from mbo_core.testing.nests import assert_close, equal

KEY = keys.key(3)
X = keys.normal(keys.key(5), (120, 4))
Y = torch.sin(2 * X[:, 0]) - X[:, 1] ** 2
DATA = Data(X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X[0], X[0]))
BATCH = Batch(DATA.x[:50], DATA.y[:50], torch.linspace(0.2, 1.8, 50))
CURVATURE = torch.tensor([2.0, 1.0], dtype=torch.float64)


def proxy(radius=0.2, **options) -> LowSharpness:
    usual = {"hidden": (16, 16), "learning_rate": 1e-2, "bootstrap": False, "held_out": 20}
    return LowSharpness(adversary=MeanAscent(radius=radius), **{**usual, **options})


def trained(stage, steps, batch=BATCH):
    state, info = stage.init(KEY, DATA), {}
    for number in range(steps):
        state, info = stage.step(keys.fold_in(KEY, number), state, batch)
    return state, info


def mined(model, params, radius=0.2, batch=BATCH):
    return MeanAscent(radius=radius).mine(KEY, (), model, Mined(params, batch.x), batch)[0].params


def way(before, after) -> torch.Tensor:
    """The difference of two nests of weights, as one vector."""
    pairs = zip(optree.tree_leaves(before), optree.tree_leaves(after), strict=True)
    return torch.cat([(other - one).flatten() for one, other in pairs])


def written_out(steps, multiplier, radius, rate=0.0, limit=0.1):
    """The method as plain autograd and torch's Adam, for `proxy`."""
    net, weights = GaussianMLP((16, 16), "leaky-relu"), trained(proxy(), 0)[0].params
    flat, structure = optree.tree_flatten(weights)
    flat = [leaf.clone().requires_grad_() for leaf in flat]
    adam = torch.optim.Adam(flat, lr=1e-2, eps=1e-7)

    def slopes(tensors):
        """Of the mean prediction."""
        mean = (BATCH.w * net.apply(structure.unflatten(tensors), BATCH.x).mean).mean()
        return [
            torch.zeros(()) if one is None else one for one in torch.autograd.grad(mean, tensors, allow_unused=True)
        ], mean.item()

    for _ in range(steps):
        loss = (BATCH.w * gaussian_nll(net.apply(structure.unflatten(flat), BATCH.x), BATCH.y)).mean()
        adam.zero_grad()
        loss.backward()
        here, start = slopes(flat)
        norm = torch.sqrt(sum((one**2).sum() for one in here))
        moved = [(leaf + radius * one / norm).detach().requires_grad_() for leaf, one in zip(flat, here, strict=True)]
        there, end = slopes(moved)
        for leaf, one, other in zip(flat, there, here, strict=True):
            leaf.grad += multiplier * (one - other)
        adam.step()
        multiplier = max(0.0, multiplier + rate * (end - start - limit))
    return structure.unflatten([leaf.detach() for leaf in flat]), multiplier


@pytest.mark.parametrize(
    "options",
    [
        {"multiplier": 0.5, "radius": 0.2},
        {"multiplier": 0.1, "radius": 0.05, "multiplier_learning_rate": 0.5, "sharpness_limit": 0.02},
    ],
    ids=["IGNITE-2", "IGNITE"],
)
def test_training_equals_the_method_written_out(options):
    state, _ = trained(proxy(**options), 12)
    given = (options["multiplier"], options["radius"])
    rest = (options.get("multiplier_learning_rate", 0.0), options.get("sharpness_limit", 0.1))
    params, multiplier = written_out(12, *given, *rest)
    assert_close(state.params, params, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(state.multiplier, torch.tensor(multiplier), rtol=1e-4, atol=1e-6)
    assert way(params, trained(proxy(multiplier=0.0), 12)[0].params).norm() > 1e-2


def likelihood_alone(stage, steps):
    state, net, adam = stage.init(KEY, DATA), GaussianMLP((16, 16)), Adam(1e-2)
    params, moments = state.params, adam.init(state.params)
    slope = grad(lambda one: (BATCH.w * gaussian_nll(net.apply(one, BATCH.x), BATCH.y)).mean())
    for _ in range(steps):
        params, moments = adam.step(params, slope(params), moments)
    return params


def test_weight_0_is_plain_likelihood_bitwise():
    stage = proxy(multiplier=0.0)
    assert equal(trained(stage, 5)[0].params, likelihood_alone(stage, 5))


def test_without_an_adversary_it_is_plain_likelihood():
    stage = replace(proxy(multiplier=0.5), adversary=NoAdversary())
    state, info = trained(stage, 5)
    assert info["sharpness"] == 0
    assert_close(state.params, likelihood_alone(stage, 5), rtol=1e-5, atol=1e-6)


def quadratic(params, x):
    """G = theta' H theta / 2, with H = diag(2, 1), at every design."""
    value = (CURVATURE * params["theta"] ** 2).sum() / 2
    return Prediction(value.expand(len(x)), torch.ones(len(x)))


def never(*_):
    raise AssertionError("mining asked for the loss")


def linear(params, x):
    return Prediction(x.double() @ params["theta"], torch.ones(len(x)))


def correction(predict, theta, radius, batch):
    """The gradient of the sharpness that the proxy adds, over the weights alone."""

    def mean(params):
        return (batch.w * predict(params, batch.x).mean).mean()

    moved = mined(Model(predict, never), {"theta": theta}, radius, batch)
    return grad(mean)(moved)["theta"] - grad(mean)({"theta": theta})["theta"]


def test_the_correction_of_a_quadratic_is_exact():
    ones = torch.ones(2, dtype=torch.float64)
    found = correction(quadratic, ones, 0.2, BATCH._replace(w=torch.ones(50)))
    torch.testing.assert_close(found, 0.2 * torch.tensor([4.0, 1.0]).double() / 5**0.5, rtol=1e-12, atol=1e-12)
    norm = grad(lambda theta: 0.2 * (CURVATURE * theta).norm())(ones)
    torch.testing.assert_close(found, norm, rtol=1e-12, atol=1e-12)


def test_a_linear_prediction_is_not_corrected():
    assert torch.equal(correction(linear, torch.ones(4, dtype=torch.float64), 0.2, BATCH), torch.zeros(4).double())


def test_half_the_radius_halves_the_error():
    """The difference quotient nears the gradient of the norm, to first order in the radius."""
    net = GaussianMLP((16, 16), "softplus")
    params = optree.tree_map(torch.Tensor.double, net.init(KEY, 4))
    wide = Batch(X[:50].double(), Y[:50].double(), torch.ones(50).double())
    slope = grad(lambda one: net.apply(one, wide.x).mean.mean())

    def norm(one):
        return torch.stack([leaf.square().sum() for leaf in optree.tree_leaves(slope(one))]).sum().sqrt()

    exact, errors = way(optree.tree_map(torch.zeros_like, params), grad(norm)(params)), []
    for radius in (2e-3, 1e-3):
        there = slope(mined(Model(net.apply, never), params, radius, wide))
        errors.append((way(slope(params), there) / radius - exact).norm().item())
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.01)


@pytest.mark.parametrize("radius", [0.05, 0.2])
def test_the_step_has_one_norm_over_all(radius):
    stage = proxy(radius)
    state, _ = trained(stage, 5)
    before = optree.tree_map(torch.clone, state.params)
    moved = mined(stage.model(state), state.params, radius)
    assert way(state.params, moved).double().norm().item() == pytest.approx(radius, rel=1e-4)
    assert equal(state.params, before)
    assert all(not leaf.requires_grad for leaf in optree.tree_leaves(moved))
    # The standard deviation's bounds do not move the mean.
    assert torch.equal(moved["upper"], before["upper"])


def test_a_flat_mean_leaves_the_weights():
    flat = Model(lambda params, x: Prediction(0 * params["theta"].sum() * x[:, 0], x[:, 0]), never)
    theta = {"theta": torch.ones(2)}
    assert equal(mined(flat, theta), theta)


def test_no_gradient_flows_through_the_step():
    stage = proxy(multiplier=1.0)
    state, _ = trained(stage, 5)

    def rise(scale):
        """Moves with the weights only if mining passes gradients."""
        params = optree.tree_map(lambda leaf: leaf * scale, state.params)
        return optree.tree_leaves(mined(stage.model(state), params))[0].sum()

    assert grad(rise)(torch.ones(())) == 0


LIMITS = [(0.0, "above"), (1.0, "below")]


@pytest.mark.parametrize(("limit", "sharpness"), LIMITS)
def test_the_multiplier_follows_the_limit(limit, sharpness):
    stage = proxy(multiplier=0.5, multiplier_learning_rate=0.3, sharpness_limit=limit)
    state, _ = trained(stage, 1)
    after, info = stage.step(KEY, state, BATCH)
    expected = state.multiplier + 0.3 * (info["sharpness"] - limit)
    torch.testing.assert_close(after.multiplier, expected)
    assert (after.multiplier > state.multiplier) == (sharpness == "above")


def test_the_multiplier_stays_at_its_limit():
    stage = proxy(multiplier=0.5, multiplier_learning_rate=0.3)
    state = stage.init(KEY, DATA)
    _, info = stage.step(KEY, state, BATCH)
    held = proxy(multiplier=0.5, multiplier_learning_rate=0.3, sharpness_limit=info["sharpness"].item())
    torch.testing.assert_close(held.step(KEY, state, BATCH)[0].multiplier, state.multiplier, rtol=0, atol=1e-7)


def test_the_multiplier_is_never_negative():
    state, _ = trained(proxy(multiplier=1e-3, multiplier_learning_rate=1.0, sharpness_limit=9.0), 3)
    assert state.multiplier == 0


def test_the_term_lowers_the_sharpness():
    plain, penalised = (trained(proxy(multiplier=weight), 60)[1]["sharpness"] for weight in (0.0, 1.0))
    assert penalised < 0.8 * plain


def test_the_order_of_rows_changes_nothing():
    order = keys.permutation(KEY, 50)
    shuffled = Batch(BATCH.x[order], BATCH.y[order], BATCH.w[order])
    stage = proxy(multiplier=0.5)
    assert_close(trained(stage, 3)[0].params, trained(stage, 3, shuffled)[0].params, rtol=1e-4, atol=1e-5)


def test_a_bootstrap_weights_the_rows():
    stage = proxy(bootstrap=True)
    first, *_ = batches.iterate(KEY, DATA, stage.schedule(DATA))
    assert (first.w == 0).any()
    assert torch.isclose(first.w.mean(), torch.ones(()))


def test_seeds_together_equal_seeds_alone():
    stage, seeds = proxy(multiplier=0.5, multiplier_learning_rate=0.1), keys.split(KEY, 3)

    def run(key):
        state = stage.init(key, DATA)
        for number in range(3):
            state, _ = stage.step(keys.fold_in(key, number), state, BATCH)
        return state.params, state.multiplier

    together = vmap(run, randomness="error")(seeds)
    for position, key in enumerate(seeds):
        alone = optree.tree_map(lambda leaf, place=position: leaf[place], together)
        assert_close(alone, run(key), rtol=1e-4, atol=1e-5)
