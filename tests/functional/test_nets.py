"""The networks compute what Keras's do, alone and lifted."""

from __future__ import annotations

import math

import optree
import pytest
import torch
from torch import nn
from torch.func import grad, vmap

from mbo_core.functional import keys
from mbo_core.functional.nets import (
    MLP,
    GaussianMLP,
    PointMLP,
    bounded_std,
    gaussian_nll,
    glorot_uniform,
    leaky_relu,
    softplus,
)
from mbo_core.stages import Batch, Prediction
from mbo_core.testing.nests import assert_close

KEY = keys.key(4)
X = keys.normal(keys.key(5), (10, 3))
Y = keys.normal(keys.key(6), (10,))
ACTIVATIONS = ["relu", "leaky-relu", "softplus"]
TORCH = {"relu": nn.ReLU(), "leaky-relu": nn.LeakyReLU(0.3), "softplus": nn.Softplus()}


def layer(weight: list[list[float]], bias: list[float]) -> dict[str, torch.Tensor]:
    return {"weight": torch.tensor(weight), "bias": torch.tensor(bias)}


def nll_mean(net: GaussianMLP, params, x, y):
    return gaussian_nll(net.apply(params, x), y).mean()


@pytest.mark.parametrize(
    ("activation", "output"),
    [("relu", 2 * 3 + 0.5), ("leaky-relu", 2 * 3 - 0.6 + 0.5), ("softplus", 2 * 3.0485874 + 0.1269280 + 0.5)],
)
def test_a_network_computed_by_hand(activation, output):
    # x = (1, 2) meets the hidden units 1 + 2 = 3 and 1 - 4 + 1 = -2, of which the output takes 2 and 1.
    params = (layer([[1.0, 1.0], [1.0, -2.0]], [0.0, 1.0]), layer([[2.0], [1.0]], [0.5]))
    applied = MLP((2,), 1, activation).apply(params, torch.tensor([[1.0, 2.0]]))
    assert applied.tolist() == [[pytest.approx(output)]]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (7,), (7, 5)])
def test_a_network_equals_torchs_with_the_same_weights(hidden, activation):
    net = MLP(hidden, 2, activation)
    params = net.init(KEY, 3)
    modules: list[nn.Module] = []
    for one in params:
        module = nn.utils.skip_init(nn.Linear, *one["weight"].shape)
        module.load_state_dict({"weight": one["weight"].T, "bias": one["bias"] + 0.1})
        modules += [module, TORCH[activation]]
    shifted = tuple({**one, "bias": one["bias"] + 0.1} for one in params)
    torch.testing.assert_close(net.apply(shifted, X), nn.Sequential(*modules[:-1])(X))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (7,), (7, 5)])
def test_the_slope_in_closed_form_is_autograds(hidden, activation):
    net = MLP(hidden, 2, activation)
    params = vmap(net.init, in_dims=(0, None))(keys.split(KEY, 3), 3)
    # A hidden unit that meets exactly 0 has slope 0 under a rectifier, as in autograd.
    x = torch.cat([X, torch.zeros(1, 3)])
    by_autograd = vmap(grad(lambda x, params: net.apply(params, x)[:, 0].sum()), in_dims=(None, 0))(x, params)
    torch.testing.assert_close(vmap(net.input_gradient, in_dims=(0, None))(params, x), by_autograd)


def test_weights_are_glorot_uniform_and_biases_zero():
    weight, bias = MLP((400,), 1).init(KEY, 200)[0].values()
    bound = math.sqrt(6 / 600)
    assert weight.shape == (200, 400)
    assert weight.abs().max() <= bound
    assert weight.abs().max() > 0.999 * bound
    assert weight.mean().abs() < 3 * weight.std() / 80_000**0.5
    assert weight.var().item() == pytest.approx(2 / 600, rel=0.02)
    assert torch.equal(bias, torch.zeros(400))


def test_glorot_is_symmetric_in_the_two_widths():
    assert glorot_uniform(KEY, 1, 5).abs().max() <= 1
    assert torch.equal(glorot_uniform(KEY, 1, 5).flatten(), glorot_uniform(KEY, 5, 1).flatten())


def test_layers_do_not_share_their_randomness():
    one, other, _ = MLP((3, 3), 3).init(KEY, 3)
    assert not torch.isclose(one["weight"], other["weight"]).any()


@pytest.mark.parametrize("x", [-1e4, -100.0, -20.0, 0.0, 19.9, 20.1, 39.9, 40.1, 95.0, 1e4])
def test_softplus_and_its_gradient_are_exact(x):
    point = torch.tensor(x, dtype=torch.float64)
    exact = torch.logaddexp(point, torch.zeros_like(point))
    torch.testing.assert_close(softplus(point), exact, rtol=1e-14, atol=0)
    torch.testing.assert_close(grad(softplus)(point), torch.sigmoid(point), rtol=1e-14, atol=0)
    torch.testing.assert_close(softplus(point.float()), exact.float())


def test_leaky_relu_has_the_slope_of_keras():
    assert leaky_relu(torch.tensor([-2.0, 2.0])).tolist() == pytest.approx([-0.6, 2.0])


@pytest.mark.parametrize(
    ("raw", "std"),
    [
        (-1e6, 0.1),
        (1e6, 0.3),
        # l = ln 0.2: l1 = ln 0.2 - ln 2 = ln 0.1, l2 = ln 0.1 + ln 2.
        (math.log(0.2), 0.2),
        # l = ln 0.1: l1 = ln 0.2 - ln 3, l2 = ln 0.1 + ln(1 + 2/3).
        (math.log(0.1), 1 / 6),
    ],
)
def test_the_std_computed_by_hand(raw, std):
    bounds = torch.tensor([0.2, 0.1]).log()
    assert bounded_std(torch.tensor(raw), *bounds).item() == pytest.approx(std, rel=1e-6)


def test_the_std_starts_within_its_bounds():
    """For any input."""
    net = GaussianMLP((16, 16))
    mean, std = net.apply(net.init(KEY, 3), 1e3 * X)
    assert mean.shape == std.shape == (10,)
    assert mean.abs().max() > 10
    assert std.min() >= 0.1 - 1e-6
    assert std.max() <= 0.3 + 1e-6
    assert std.max() - std.min() > 0.1


@pytest.mark.parametrize(("bounds", "train"), [("trained", True), ("frozen", False)])
def test_the_bounds_learn_only_when_they_are_trained(bounds, train):
    net = GaussianMLP((16,), bounds=bounds)
    params = net.init(KEY, 3)
    slopes = grad(lambda weights: nll_mean(net, weights, X, Y))(params)
    assert params["upper"].item() == pytest.approx(math.log(0.2))
    assert params["lower"].item() == pytest.approx(math.log(0.1))
    assert (slopes["upper"] != 0) == train
    assert (slopes["lower"] != 0) == train
    assert all((slope != 0).any() for slope in optree.tree_leaves(slopes["layers"]))


def test_a_gaussian_network_is_layers_and_head():
    net = GaussianMLP((6,), "softplus")
    params = net.init(KEY, 3)
    mean, raw = MLP((6,), 2, "softplus").apply(params["layers"], X).T
    prediction = net.apply(params, X)
    assert torch.equal(prediction.mean, mean)
    assert torch.equal(prediction.std, bounded_std(raw, params["upper"], params["lower"]))


def test_the_likelihood_is_torchs():
    prediction = Prediction(X[:, 0], X[:, 1].exp())
    expected = -torch.distributions.Normal(*prediction).log_prob(Y)
    torch.testing.assert_close(gaussian_nll(prediction, Y), expected)


def test_a_softplus_network_can_be_differentiated_twice():
    # RoMA descends the norm of the gradient in x, with respect to the weights.
    net = GaussianMLP((8, 8), "softplus")

    def roughness(params):
        return grad(lambda x: net.apply(params, x).mean.sum())(X).square().sum()

    slopes = grad(roughness)(net.init(KEY, 3))
    assert (slopes["layers"][0]["bias"] != 0).all()


@pytest.mark.parametrize("net", [MLP((6, 5), 2), GaussianMLP((6, 5))], ids=["mlp", "gaussian"])
def test_seeds_together_equal_seeds_alone(net):
    seeds = keys.split(KEY, 4)
    together = vmap(net.init, in_dims=(0, None), randomness="error")(seeds, 3)
    alone = [net.init(seed, 3) for seed in seeds]
    assert_close(together, optree.tree_map(lambda *leaves: torch.stack(leaves), *alone), rtol=0, atol=0)
    applied = vmap(net.apply, in_dims=(0, None))(together, X)
    one_by_one = [net.apply(params, X) for params in alone]
    assert_close(applied, optree.tree_map(lambda *leaves: torch.stack(leaves), *one_by_one))


def test_gradients_of_members_of_seeds_equal_those_alone():
    net = GaussianMLP((6, 5))
    member_keys = vmap(lambda seed: keys.split(seed, 3))(keys.split(KEY, 2))
    nested = vmap(vmap(lambda key: net.init(key, 3)))(member_keys)
    slope = grad(lambda params: nll_mean(net, params, X, Y))
    alone = optree.tree_map(lambda leaf: leaf[1, 2], nested)
    together = optree.tree_map(lambda leaf: leaf[1, 2], vmap(vmap(slope))(nested))
    assert_close(together, slope(alone))


def test_members_share_no_weights():
    params = vmap(GaussianMLP((6,)).init, in_dims=(0, None))(keys.split(KEY, 2), 3)
    first, second = (params["layers"][0]["weight"][member] for member in range(2))
    assert not torch.isclose(first, second).any()
    for leaf in optree.tree_leaves(params):
        before = leaf[1].clone()
        leaf[0] += 1
        assert torch.equal(leaf[1], before)


def test_weights_are_on_the_device_of_the_key():
    params = GaussianMLP((6,)).init(keys.key(0, device="meta"), 3)
    assert {leaf.device.type for leaf in optree.tree_leaves(params)} == {"meta"}


def test_the_loss_of_a_point_network_is_weighted():
    """It predicts one number per design."""
    net = PointMLP((8,), "relu")
    params, x = net.init(KEY, 3), X[:4]
    mean, std = net.apply(params, x)
    assert torch.equal(mean, MLP((8,), 1, "relu").apply(params, x)[:, 0])
    assert torch.equal(std, torch.zeros(4))
    y, w = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 1.0, 3.0, 0.0])
    expected = ((mean[1] - 2) ** 2 + 3 * (mean[2] - 3) ** 2) / 4
    assert net.loss(params, Batch(x, y, w)).item() == pytest.approx(expected.item())
    model = net.model()
    assert (model.predict, model.loss) == (net.apply, net.loss)
    torch.testing.assert_close(
        model.input_gradient(params, x), model._replace(closed_input_gradient=None).input_gradient(params, x)
    )


@pytest.mark.parametrize("count", [1, 7, 125])
@pytest.mark.parametrize("stacked", [2, 3, 8])
def test_stacking_does_not_change_softplus(stacked, count):
    """To the last bit, and its slope too: no number is left over for instructions that round differently."""
    x = keys.normal(KEY, (stacked, count))
    for function in (softplus, grad(lambda x: softplus(x).sum())):
        together = vmap(function)(x)
        for seed in range(stacked):
            assert torch.equal(together[seed], vmap(function)(x[seed : seed + 1])[0])
