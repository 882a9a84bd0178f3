"""Samples are weighed at the latents that made them, and visible designs the other way round."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from mbo_cbas.density import WithDensity
from mbo_cbas.update import log_ratio
from mbo_cbas.weights import effective, log_tail

from mbo_core.functional import keys
from mbo_core.testing.nests import equal

KEY = keys.key(3)
ROWS = 90
KINDS = pytest.mark.parametrize("kind", ["one-hot", pytest.param("real", marks=pytest.mark.slow)])


@KINDS
def test_at_first_the_weight_is_the_tail_alone(made, kind):
    update, state, data = made(kind)
    samples = update.draw(KEY, state, data)
    assert (samples.log_ratio == 0).all()
    threshold, log_w, info = update.weigh(state, samples, data)
    assert (log_w <= 0).all()
    members = update.proxy.predict_members(state.proxy, samples.x)
    tail = 1 - torch.distributions.Normal(*members).cdf(threshold).mean(0)
    torch.testing.assert_close(log_w.exp(), tail, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(info["tail"], tail.mean(), rtol=1e-3, atol=1e-6)


@KINDS
def test_a_fifth_of_the_samples_reaches_the_threshold(made, kind):
    update, state, data = made(kind, samples=1000)
    samples = update.draw(KEY, state, data)
    threshold, _, info = update.weigh(state, samples, data)
    mean = update.proxy.predict(state.proxy, samples.x).mean
    torch.testing.assert_close(threshold, mean.sort().values[799])
    if kind == "real":
        assert info["above"].item() == pytest.approx(0.201)
    # Samples of few letters tie.
    assert 0.2 <= info["above"] < 0.3
    torch.testing.assert_close(info["predicted"], mean.mean())


def test_the_highest_quantile_is_the_best_sample(made, known_proxy):
    update, state, data = made(quantile=1.0, proxy=known_proxy())
    samples = update.draw(KEY, state, data)
    assert update.weigh(state, samples, data)[0] == (samples.x.sum(1) + samples.x[:, 0]).max()


@KINDS
def test_the_ratio_is_the_decoders_at_one_latent(made, taken, kind):
    update, state, data = made(kind)
    state, _ = taken(update, state, data, 2)
    samples = update.draw(KEY, state, data)
    # Drawn again from the same key, step by step.
    vae, (latent_key, design_key) = update.model(data.space), keys.split(KEY)
    z = vae.prior(latent_key, 200)
    assert torch.equal(samples.x, vae.decode(design_key, state.search.params, z))
    p, q = (vae.log_likelihood(params, z, samples.x) for params in (state.prior, state.search.params))
    assert samples.log_ratio.shape == (200,)
    assert torch.equal(samples.log_ratio, p - q)
    other = vae.log_likelihood(state.prior, vae.prior(design_key, 200), samples.x)
    assert not torch.allclose(samples.log_ratio, other - q, atol=0.1)


@KINDS
def test_the_ratio_changes_its_sign_with_the_models(made, taken, kind):
    update, state, data = made(kind)
    state, _ = taken(update, state, data, 1)
    vae, z = update.model(data.space), keys.normal(KEY, (ROWS, 3))
    one, other = (
        log_ratio(vae, a, b, z, data.x)
        for a, b in ((state.prior, state.search.params), (state.search.params, state.prior))
    )
    assert (one != 0).any()
    assert torch.equal(one, -other)


@KINDS
def test_the_ratio_averages_one_over_the_samples(made, taken, kind):
    update, state, data = made(kind, samples=4000, learning_rate=2e-4, epochs=1, batch_size=400)
    state, _ = taken(update, state, data, 1)
    ratio = update.draw(KEY, state, data).log_ratio
    assert ratio.std() > 0.01
    assert ratio.exp().mean().item() == pytest.approx(1, abs=0.1)


def test_without_members_tail_is_of_one_normal(made, known_proxy):
    update, state, data = made(proxy=known_proxy(std=0.5))
    samples = update.draw(KEY, state, data)
    threshold, log_w, _ = update.weigh(state, samples, data)
    mean = samples.x.sum(1) + samples.x[:, 0]
    tail = 1 - torch.distributions.Normal(mean, 0.5).cdf(threshold)
    torch.testing.assert_close(log_w.exp(), tail, rtol=1e-3, atol=1e-6)


def test_a_monotone_threshold_starts_as_any_other(made, known_proxy):
    found = []
    for monotone in (False, True):
        update, state, data = made(proxy=known_proxy(), monotone=monotone)
        # Scores far below all that was ever seen.
        _, info = update.step(KEY, state._replace(proxy=torch.tensor(-50.0)), data, 0)
        found.append(info["threshold"])
    assert found[0] == found[1]


@pytest.mark.parametrize(("monotone", "falls"), [(False, True), (True, False)])
def test_the_threshold_may_fall_unless_it_is_monotone(made, known_proxy, monotone, falls):
    update, state, data = made(proxy=known_proxy(), monotone=monotone)
    first, _ = update.step(KEY, state, data, 0)
    second, info = update.step(KEY, first._replace(proxy=torch.tensor(-50.0)), data, 0)
    assert (second.threshold < first.threshold) == falls
    assert info["threshold"] == second.threshold


@pytest.mark.parametrize("weighting", ["cbas", "dbas", "rwr", "cem-pi"])
@KINDS
def test_every_weighting_refits_the_search_model(made, taken, kind, weighting):
    update, state, data = made(kind, weighting=weighting)
    after, infos = taken(update, state, data, 2)
    assert not equal(after.search.params, state.search.params)
    assert all(value.isfinite() for info in infos for value in info.values())


def test_the_weighting_is_the_one_asked_for(made, taken):
    found = {}
    for name in ("cbas", "dbas", "rwr", "cem-pi"):
        update, state, data = made(weighting=name, rate=3.0)
        state, _ = taken(made()[0], state, data, 1)
        samples = update.draw(KEY, state, data)
        found[name] = update.weigh(state, samples, data)[1]
    torch.testing.assert_close(found["cbas"] - found["dbas"], samples.log_ratio, rtol=0, atol=1e-4)
    mean = update.proxy.predict(state.proxy, samples.x).mean
    torch.testing.assert_close(found["rwr"], 3 * (mean - mean.max()), rtol=1e-3, atol=1e-4)
    # Of 200 samples those from rank 159 on.
    assert (found["cem-pi"] == 0).sum() == 41


def test_improvement_is_on_the_best_visible_score(made, taken):
    update, state, data = made(weighting="cem-pi")
    state, _ = taken(update, state, data, 1)
    samples = update.draw(KEY, state, data)
    members = update.proxy.predict_members(state.proxy, samples.x)
    chosen = []
    for best in (0.0, 3.0):
        _, log_w, _ = update.weigh(state, samples, replace(data, y=data.y - data.y.max() + best))
        improvement = log_tail(members, torch.tensor(best))
        assert torch.equal(log_w == 0, improvement >= improvement.sort().values[159])
        chosen.append(log_w == 0)
    assert not torch.equal(*chosen)


def test_weights_may_be_normalised_and_cut_off(made, taken):
    _, start, data = made()
    state, _ = taken(made()[0], start, data, 1)
    samples = made()[0].draw(KEY, state, data)
    (_, plain, info), (_, scaled, same), (_, cut, fewer) = (
        made(**options)[0].weigh(state, samples, data) for options in ({}, {"normalise": True}, {"cut_off": 0.3})
    )
    assert scaled.exp().mean().item() == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(scaled - scaled[0], plain - plain[0], rtol=1e-3, atol=1e-4)
    assert same["effective_samples"] == info["effective_samples"] == effective(plain)
    kept = plain >= math.log(0.3)
    assert 0 < kept.sum() < 200
    assert torch.equal(cut, plain.masked_fill(~kept, -torch.inf))
    assert fewer["effective_samples"] < info["effective_samples"]


def test_it_has_a_density(made):
    assert isinstance(made()[0], WithDensity)


@KINDS
@pytest.mark.parametrize("source", ["prior", "encoder"])
def test_densities_are_compared_at_one_latent_each(made, taken, kind, source):
    update, state, data = made(kind)
    assert (update.log_density_ratio(KEY, state, data, source) == 0).all()
    state, _ = taken(update, state, data, 1)
    found = update.log_density_ratio(KEY, state, data, source)
    vae, z = update.model(data.space), keys.normal(keys.split(KEY, 1)[0], (ROWS, 3))
    if source == "encoder":
        mean, std = vae.encode(state.prior, data.x)
        z = mean + std * z
    q, p = (vae.log_likelihood(params, z, data.x) for params in (state.search.params, state.prior))
    assert found.shape == (ROWS,)
    assert torch.equal(found, q - p)


def test_rows_in_many_parts_have_own_latents(made, taken, monkeypatch):
    update, state, data = made()
    state, _ = taken(update, state, data, 1)
    monkeypatch.setattr("mbo_cbas.update.ROWS_AT_ONCE", 50)
    same = data.x[:1].expand(ROWS, 4)
    found = update.log_density_ratio(KEY, state, type(data)(same, data.y, data.space), "prior")
    assert found.shape == (ROWS,)
    assert len(found.unique()) == ROWS
