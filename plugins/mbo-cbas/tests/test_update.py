"""`cbas` starts as the prior, refits to its samples, and never touches the prior."""

from __future__ import annotations

import math
from dataclasses import replace

import optree
import pytest
import torch
from mbo_cbas.update import CbAS
from mbo_latent.vae import VAE
from torch.func import grad, vmap

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.testing.nests import equal

KEY = keys.key(3)
ROWS = 90
KINDS = pytest.mark.parametrize("kind", ["one-hot", "real"])
LETTERS_FIRST = pytest.mark.parametrize("kind", ["one-hot", pytest.param("real", marks=pytest.mark.slow)])


@KINDS
def test_search_model_starts_as_copy_of_prior(made, kind):
    _, state, _ = made(kind)
    assert equal(state.search.params, state.prior)
    assert state.search.optimiser.steps == 0
    bounds = [state.prior["encoder"]] + ([state.prior["decoder"]] if kind == "real" else [])
    assert all(each["upper"] != math.log(0.2) for each in bounds)


@LETTERS_FIRST
def test_the_prior_is_trained_on_the_data(made, encoded, kind):
    early, late = (made(kind, prior_epochs=epochs, learning_rate=1e-2) for epochs in (0, 60))
    vae, x = early[0].model(encoded[kind].space), encoded[kind].x
    noise = keys.normal(KEY, (ROWS, 3))
    losses = [vae.loss(state.prior, noise, x, torch.ones(ROWS)) for _, state, _ in (early, late)]
    assert losses[1] < losses[0] - 1


@KINDS
def test_the_prior_never_changes_and_adam_goes_on(made, taken, kind):
    update, state, data = made(kind)
    after, _ = taken(update, state, data, 3)
    assert equal(after.prior, state.prior)
    assert not equal(after.search.params, state.prior)
    # 160 samples in batches of 40, 4 epochs, 3 steps.
    assert after.search.optimiser.steps == 4 * 4 * 3


def test_at_the_published_constants_adam_takes_1600_steps(encoded, known_proxy):
    update, data = CbAS(proxy=known_proxy()), replace(encoded["real"], y=torch.zeros(300))
    kept = update.samples - update.samples_held_out
    assert update.length(data) * update.epochs * kept // 100 == 1600


@KINDS
def test_samples_are_designs(made, taken, kind):
    update, state, data = made(kind)
    state, _ = taken(update, state, data, 1)
    x = torch.cat([update.draw(KEY, state, data).x, update.designs(state)])
    assert x.isfinite().all()
    if kind == "one-hot":
        assert set(x.unique().tolist()) == {0.0, 1.0}
        assert (x.reshape(-1, 5, 3).sum(2) == 1).all()


@KINDS
def test_candidates_are_draws_of_the_search_model(made, kind):
    update, state, data = made(kind)
    vae = update.model(data.space)
    assert torch.equal(update.designs(state), vae.sample(keys.split(KEY, 3)[2], state.prior, 16))
    after, _ = update.step(KEY, state, data, 0)
    assert torch.equal(update.designs(after), vae.sample(keys.split(KEY, 3)[2], after.search.params, 16))


@LETTERS_FIRST
def test_the_search_climbs_what_the_proxy_says(made, taken, known_proxy, kind):
    update, state, data = made(kind, proxy=known_proxy(), learning_rate=5e-3, prior_epochs=20, epochs=10)
    _, infos = taken(update, state, data, 4)
    assert infos[-1]["predicted"] > infos[0]["predicted"] + 0.3
    assert infos[-1]["threshold"] >= infos[0]["threshold"]


@KINDS
def test_samples_without_weight_leave_the_search_model_alone(made, kind):
    # Nothing that the proxy says can reach a threshold that was once so high, if it is never lowered.
    update, state, data = made(kind, monotone=True)
    state = state._replace(threshold=torch.tensor(1e6))
    after, info = update.step(KEY, state, data, 0)
    assert info["threshold"] == 1e6
    assert info["weight"] == info["tail"] == info["loss"] == 0
    assert equal(after.search.params, state.search.params)


def test_samples_held_out_are_not_fitted_to(made, monkeypatch):
    seen = []
    step = VAE.step

    def spy(self, state, noise, x, w):
        seen.append(x)
        return step(self, state, noise, x, w)

    for held_out, rows in ((40, 160), (0, 200)):
        update, state, data = made(samples_held_out=held_out)
        monkeypatch.setattr(VAE, "step", spy)
        seen.clear()
        update.step(KEY, state, data, 0)
        monkeypatch.undo()
        assert len(torch.cat(seen)) == 4 * rows
        assert len(torch.cat(seen).unique(dim=0)) == rows


@pytest.mark.parametrize("encoder_std", ["softplus", "exp"])
def test_the_encoders_slip_is_an_option(made, known_proxy, encoder_std):
    update, state, data = made(encoder_std=encoder_std, prior_epochs=0)
    _, std = update.model(data.space).encode(state.prior, data.x)
    _, meant = update.model(data.space).decoder.normal(state.prior["decoder"], keys.normal(KEY, (9, 3)))
    assert update.model(data.space).encoder_std == encoder_std
    assert meant.min() >= 0.1
    assert std.min() >= (0.095 if encoder_std == "softplus" else 0.1)
    assert std.max() <= (0.263 if encoder_std == "softplus" else 0.3)
    assert CbAS(proxy=known_proxy()).encoder_std == "softplus"


def test_it_needs_scores_with_a_spread(made):
    assert made()[0].needs == {"values", "uncertainty"}


def test_the_proxys_state_can_be_exchanged(made, known_proxy):
    update, state, _ = made(proxy=known_proxy())
    after = update.with_proxy(state, torch.tensor(7.0))
    assert after.proxy == 7
    assert equal(after[:-1], state[:-1])


@pytest.mark.parametrize("held_out", [199, 200, 500])
def test_samples_have_to_be_left_to_fit_to(known_proxy, held_out):
    with pytest.raises(ValueError, match=f"samples_held_out={held_out} leaves"):
        CbAS(proxy=known_proxy(), samples=200, samples_held_out=held_out)


def test_too_few_rows_for_the_prior_are_refused(encoded, known_proxy):
    with pytest.raises(TaskError, match="lower the option held_out"):
        CbAS(proxy=known_proxy(), held_out=ROWS - 1).check(encoded["real"])
    CbAS(proxy=known_proxy(), held_out=ROWS - 2).check(encoded["real"])


def test_gradients_without_weight_are_exactly_zero(made):
    update, state, data = made("one-hot")
    vae, noise = update.model(data.space), torch.zeros(ROWS, 3)
    slope = grad(vae.loss)(state.prior, noise, data.x, torch.zeros(ROWS))
    assert all((leaf == 0).all() for leaf in optree.tree_leaves(slope))


@KINDS
def test_seeds_together_equal_seeds_alone(made, kind):
    update, _, data = made(kind, epochs=2)
    proxy_state = update.proxy.init(keys.key(9), data)

    def search(key):
        state, _ = update.init(key, data, proxy_state)
        state, info = update.step(keys.fold_in(key, 1), state, data, 0)
        return state.search.params, info["threshold"]

    seeds = keys.split(KEY, 3)
    together = vmap(search, randomness="error")(seeds)
    for i, key in enumerate(seeds):
        for one, other in zip(*map(optree.tree_leaves, (together, search(key))), strict=True):
            torch.testing.assert_close(one[i], other, rtol=1e-2, atol=1e-3)


def test_the_encoders_embed_tokens(made, taken):
    update, state, data = made("one-hot", embedding=6)
    table = state.prior["encoder"]["embedding"]
    assert table.shape == (3, 6)
    assert "embedding" not in state.prior["decoder"]
    after, _ = taken(update, state, data, 1)
    assert not torch.equal(after.search.params["encoder"]["embedding"], table)
    assert torch.equal(after.prior["encoder"]["embedding"], table)


def test_only_one_hot_designs_are_embedded(made, encoded):
    update, _, data = made("one-hot", embedding=6)
    update.check(data)
    with pytest.raises(TaskError, match="embedding=6 needs one-hot designs"):
        update.check(encoded["real"])
