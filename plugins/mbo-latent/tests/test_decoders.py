"""Both decoders give the likelihood that their samples have."""

from __future__ import annotations

import math

import pytest
import torch
from mbo_latent.decoders import Categorical, Gaussian, drawn
from torch.distributions import Categorical as Category
from torch.distributions import Normal
from torch.func import grad, vmap

from mbo_core.functional import keys
from mbo_core.stages import Prediction

KEY = keys.key(3)
Z = keys.normal(keys.key(5), (50, 3))
TOKENS = Categorical(length=4, classes=5, hidden=(16,))
REAL = Gaussian(width=6, hidden=(16,))


def made(decoder, scale=1.0):
    """Weights, and far apart outputs for a large scale."""
    params = decoder.init(KEY, 3)
    layers = params if isinstance(params, tuple) else params["layers"]
    last = {name: scale * each for name, each in layers[-1].items()}
    layers = (*layers[:-1], last)
    return layers if isinstance(params, tuple) else {**params, "layers": layers}


def test_categories_sum_over_positions():
    params = made(TOKENS, 3.0)
    x = TOKENS.sample(KEY, params, Z)
    tokens = x.reshape(50, 4, 5).argmax(2)
    expected = Category(logits=TOKENS.logits(params, Z)).log_prob(tokens).sum(1)
    found = TOKENS.log_likelihood(params, Z, x)
    assert found.shape == (50,)
    torch.testing.assert_close(found, expected)


def test_normal_coordinates_sum_over_coordinates():
    params = made(REAL, 3.0)
    x = REAL.sample(KEY, params, Z)
    expected = Normal(*REAL.normal(params, Z)).log_prob(x).sum(1)
    found = REAL.log_likelihood(params, Z, x)
    assert found.shape == (50,)
    torch.testing.assert_close(found, expected)


def test_drawn_tokens_follow_the_decoders_frequencies():
    params, z = made(TOKENS, 5.0), Z[:1].expand(4000, 3)
    x = TOKENS.sample(KEY, params, z).reshape(4000, 4, 5)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert (x.sum(2) == 1).all()
    torch.testing.assert_close(x.mean(0), TOKENS.logits(params, z)[0].softmax(-1), rtol=0, atol=0.03)


def test_drawn_coordinates_have_the_decoders_mean_and_std():
    params, z = made(REAL), Z[:1].expand(4000, 3)
    x, normal = REAL.sample(KEY, params, z), REAL.normal(params, z)
    torch.testing.assert_close(x.mean(0), normal.mean[0], rtol=0, atol=0.02)
    torch.testing.assert_close(x.std(0), normal.std[0], rtol=0.05, atol=0)


def test_the_mode_is_the_likeliest_design():
    params = made(TOKENS, 5.0)
    tokens = TOKENS.mode(params, Z).reshape(50, 4, 5).argmax(2)
    assert torch.equal(tokens, Category(logits=TOKENS.logits(params, Z)).probs.argmax(2))
    params = made(REAL)
    assert torch.equal(REAL.mode(params, Z), REAL.normal(params, Z).mean)


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_std_starts_between_its_bounds(scale):
    _, std = REAL.normal(made(REAL, scale), Z)
    assert std.min() >= 0.1 - 1e-6
    assert std.max() <= 0.3 + 1e-6
    assert std.max() > std.min()


@pytest.mark.parametrize("bounds", ["trained", "frozen"])
def test_the_bounds_are_weights_that_may_be_frozen(bounds):
    decoder = Gaussian(6, (16,), std_bounds=(0.5, 1.5), bounds=bounds)
    params = decoder.init(KEY, 3)
    assert params["lower"].item() == pytest.approx(math.log(0.5))
    assert params["upper"].item() == pytest.approx(math.log(1.5))
    slope = grad(lambda weights: decoder.log_likelihood(weights, Z, torch.ones(50, 6)).sum())(params)
    assert (slope["lower"] != 0) == (slope["upper"] != 0) == (bounds == "trained")
    assert (slope["layers"][0]["weight"] != 0).any()


def test_draw_is_mean_plus_std_times_noise():
    normal = Prediction(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 3.0]]))
    noise = keys.normal(KEY, (1, 2))
    torch.testing.assert_close(drawn(KEY, normal), torch.tensor([[1.0, -2.0]]) + torch.tensor([[0.0, 3.0]]) * noise)


@pytest.mark.parametrize("decoder", [TOKENS, REAL], ids=["tokens", "real"])
def test_stacked_decoders_equal_single_ones(decoder):
    seeds = keys.split(KEY, 3)

    def whole(key):
        params = decoder.init(key, 3)
        x = decoder.sample(key, params, Z)
        return x, decoder.log_likelihood(params, Z, x)

    for i, key in enumerate(seeds):
        for together, alone in zip(vmap(whole, randomness="error")(seeds), whole(key), strict=True):
            torch.testing.assert_close(together[i], alone, rtol=1e-4, atol=1e-4)
