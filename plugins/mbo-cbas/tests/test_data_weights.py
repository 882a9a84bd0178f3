"""Visible designs are weighed by q over p, flattened, finite and, if asked for, normalised."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mbo_latent.vae import VAE

from mbo_core.functional import keys

KEY = keys.key(3)
ROWS = 90
KINDS = pytest.mark.parametrize("kind", ["one-hot", "real"])


@KINDS
@pytest.mark.parametrize("latent", ["prior", "encoder"])
def test_before_the_search_moves_every_row_weighs_one(focused, kind, latent):
    update, state, data = focused(kind, latent=latent)
    weights = update.weights(KEY, state, data)
    assert torch.equal(weights.v, torch.ones(ROWS))
    assert weights.effective.item() == pytest.approx(ROWS)
    assert weights.dropped == 0


@pytest.mark.parametrize("flatten", [0.0, 0.2, 0.5, 1.0])
def test_the_log_weight_is_linear_in_the_exponent(sliding, flatten):
    update, state, data, _ = sliding(flatten=flatten)
    state = state._replace(inner=state.inner._replace(mean=torch.tensor(2.0)))
    # ln N(x; 2, 1) - ln N(x; 0, 1) = 2 x - 2.
    found = update.weights(KEY, state, data).v
    torch.testing.assert_close(found, (flatten * (2 * data.x[:, 0] - 2)).exp())


def test_rows_weigh_more_where_the_search_is_denser(sliding):
    update, state, data, _ = sliding()
    state = state._replace(inner=state.inner._replace(mean=torch.tensor(2.0)))
    # The direction: q over p at the data; CbAS weighs its samples by p over q.
    assert (update.weights(KEY, state, data).v > 1).tolist() == [False, False, False, True]


@KINDS
def test_data_and_samples_are_weighed_in_opposite_directions(focused, taken, cbas, kind, monkeypatch):
    update, state, data = focused(kind)
    state, _ = taken(update, state, data, 2)
    z = keys.normal(KEY, (100, 3))
    monkeypatch.setattr(VAE, "prior", lambda self, key, count: z[:count])
    samples = cbas.draw(KEY, state.inner, data)
    found = cbas.log_density_ratio(KEY, state.inner, replace(data, x=samples.x), "prior")
    assert samples.log_ratio.abs().max() > 0.01
    assert torch.equal(found, -samples.log_ratio)


@pytest.mark.parametrize(("latent", "changes"), [("prior", True), ("encoder", False)])
def test_latents_of_the_encoder_are_drawn_once(focused, taken, latent, changes):
    update, state, data = focused(latent=latent)
    state, _ = taken(update, state, data, 1)
    first, second = (update.weights(keys.fold_in(KEY, number), state, data).v for number in (8, 9))
    assert torch.equal(first, second) != changes


@pytest.mark.parametrize("latent", ["prior", "encoder"])
def test_the_latents_come_from_where_the_option_says(focused, taken, cbas, latent):
    update, state, data = focused(latent=latent)
    state, _ = taken(update, state, data, 1)
    key = KEY if latent == "prior" else state.latents
    expected = cbas.log_density_ratio(key, state.inner, data, latent).exp()
    assert torch.equal(update.weights(KEY, state, data).v, expected)


FAR = (-1.0, 0.0, 60.0, 25.0)
"""At q = N(2, 1) of a prior N(0, 1) the last two weigh e^118, beyond float32, and e^48, whose square is."""


@pytest.mark.parametrize(("unusable", "dropped"), [("drop", [False, False, True, True]), ("keep", [False] * 4)])
def test_weights_beyond_float32_are_dropped(sliding, unusable, dropped):
    update, state, data, _ = sliding(FAR, unusable=unusable)
    state = state._replace(inner=state.inner._replace(mean=torch.tensor(2.0)))
    weights = update.weights(KEY, state, data)
    assert ((weights.v == 0) == torch.tensor(dropped)).all()
    assert weights.dropped == sum(dropped) / 4
    assert bool(torch.isfinite(weights.v).all()) == (unusable == "drop")


def test_a_ratio_that_is_no_number_is_dropped(sliding):
    update, state, data, _ = sliding((-1.0, torch.nan, torch.inf, 2.0))
    state = state._replace(inner=state.inner._replace(mean=torch.tensor(1.0)))
    for options in ({}, {"normalise": True}):
        weights = replace(update, **options).weights(KEY, state, data)
        assert (weights.v > 0).tolist() == [True, False, False, True]
        assert weights.v.isfinite().all()
        assert weights.dropped == 0.5
        assert (weights.v.mean() == 1) == bool(options)


def test_normalised_weights_average_one_however_large(sliding):
    update, state, data, _ = sliding(FAR, normalise=True)
    state = state._replace(inner=state.inner._replace(mean=torch.tensor(2.0)))
    weights = update.weights(KEY, state, data)
    torch.testing.assert_close(weights.v, torch.tensor([0.0, 0.0, 4.0, 0.0]))
    assert weights.effective == 1
    near = sliding(normalise=True)[0].weights(KEY, state, replace(data, x=data.x.clamp(max=1.0))).v
    assert near.mean().item() == pytest.approx(1)
