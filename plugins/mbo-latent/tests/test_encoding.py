"""`latent` gives every design one standardised latent, and tells how much of the data survives."""

from __future__ import annotations

import numpy as np
import optree
import pytest
import torch
from mbo_latent.decoders import Categorical
from mbo_latent.encoding import Latent
from mbo_latent.vae import VAE
from torch.func import vmap
from torch.nn.functional import one_hot

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.recipes.recipe import written

KEY = keys.key(3)
SMALL = {"latent": 4, "hidden": (32,), "batch_size": 32, "learning_rate": 1e-2}


def letters(rows=150, length=6, classes=4, kinds=5, seed=0) -> mbo.Task:
    """A few designs, each token of which is another in a tenth of the rows: what an autoencoder can learn."""
    random = np.random.default_rng(seed)
    x = random.integers(0, classes, (kinds, length))[random.integers(0, kinds, rows)]
    x = np.where(random.random(x.shape) < 0.1, random.integers(0, classes, x.shape), x)
    return mbo.Task(
        "letters", x, (x == 1).sum(1) + 0.1 * x[:, 0], space=mbo.Space.discrete(length, classes), replicates="keep"
    )


TASK = letters()
TOKENS = torch.tensor(TASK.x)


def made(epochs=30, task=TASK, key=KEY, **options):
    encoding = Latent(**{**SMALL, "epochs": epochs, **options})
    return encoding, encoding.init(key, task.table)


@pytest.fixture(scope="module")
def trained():
    return made()


def test_an_incomplete_batch_can_be_left_out():
    whole, dropped = (made(1, batch_size=96, drop_last=drop)[1] for drop in (False, True))
    assert not torch.equal(whole.params["decoder"][0]["weight"], dropped.params["decoder"][0]["weight"])
    same = [made(1, batch_size=len(TASK.x), drop_last=drop)[1].params["decoder"][0]["weight"] for drop in (False, True)]
    assert torch.equal(*same)


def test_the_constants_are_those_of_the_released_code():
    assert written(Latent()) == {
        "use": "latent",
        "latent": 32,
        "hidden": [256],
        "beta": 1.0,
        "learning_rate": 1e-3,
        "epochs": 200,
        "batch_size": 128,
        "held_out": 0,
        "drop_last": False,
        "codes": "sample",
        "encoder_std": "softplus",
        "std_lower": 0.5,
        "std_upper": 1.5,
        "bounds": "trained",
        "max_entries": 20_000,
    }


def test_the_options_are_those_of_the_autoencoder():
    options = {
        "latent": 5,
        "hidden": (7,),
        "beta": 3.0,
        "learning_rate": 0.1,
        "encoder_std": "softplus",
        "bounds": "frozen",
    }
    expected = VAE(Categorical(6, 4, (7,)), std_bounds=(0.3, 0.9), **options)
    assert Latent(std_lower=0.3, std_upper=0.9, **options)._vae(6, 4) == expected


def test_latents_are_standardised_over_the_visible_designs(trained):
    encoding, state = trained
    x = encoding.encode(state, TOKENS)
    assert x.dtype == torch.float32
    assert x.shape == (150, *encoding.shape(state)) == (150, 4)
    torch.testing.assert_close(x.mean(0), torch.zeros(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(x.std(0, correction=0), torch.ones(4))


def test_latent_depends_only_on_the_design(trained):
    encoding, state = trained
    x, order = encoding.encode(state, TOKENS), keys.permutation(KEY, 150)
    torch.testing.assert_close(encoding.encode(state, TOKENS[order])[:9], x[order[:9]])
    torch.testing.assert_close(encoding.encode(state, TOKENS[7:8]), x[7:8])


def test_rows_in_many_parts_are_those_in_one(trained, monkeypatch):
    encoding, state = trained
    x = encoding.encode(state, TOKENS)
    tokens = encoding.decode(state, x)
    monkeypatch.setattr("mbo_latent.encoding.ROWS_AT_ONCE", 7)
    torch.testing.assert_close(encoding.encode(state, TOKENS), x)
    assert torch.equal(encoding.decode(state, x), tokens)


@pytest.mark.parametrize("encoder_std", ["exp", "softplus"])
def test_a_latent_is_one_draw_of_the_posterior(encoder_std):
    task = letters(rows=2000, length=8, kinds=2000)
    encoding, state = made(1, task, encoder_std=encoder_std)
    tokens = torch.tensor(task.x).unique(dim=0)
    posterior = encoding._vae(8, 4).encode(state.params, one_hot(tokens, 4).flatten(1).float())
    codes = encoding.encode(state, tokens) * state.statistics.std + state.statistics.mean
    noise = (codes - posterior.mean) / posterior.std
    assert noise.mean().abs() < 0.05
    assert noise.std().item() == pytest.approx(1, abs=0.03)
    # Independent of the other coordinates and of the neighbours.
    assert torch.corrcoef(noise.T).fill_diagonal_(0).abs().max() < 0.1
    assert torch.corrcoef(torch.stack([noise[1:, 0], noise[:-1, 0]]))[0, 1].abs() < 0.1


def test_a_latent_may_be_the_posteriors_mean():
    encoding, state = made(1, codes="mean")
    posterior = encoding._vae(6, 4).encode(state.params, one_hot(TOKENS, 4).flatten(1).float())
    codes = encoding.encode(state, TOKENS) * state.statistics.std + state.statistics.mean
    torch.testing.assert_close(codes.float(), posterior.mean, rtol=1e-4, atol=1e-5)


def test_seeds_have_latents_of_their_own(trained):
    encoding, state = trained
    _, other = made(key=keys.key(4))
    assert Latent.seeded
    assert not torch.isclose(encoding.encode(state, TOKENS), encoding.encode(other, TOKENS), atol=1e-3).all(1).any()


def test_seeds_together_equal_seeds_alone():
    encoding, seeds = Latent(**SMALL, epochs=3), keys.split(KEY, 3)
    together = vmap(lambda key: encoding.init(key, TASK.table), randomness="error")(seeds)
    x = vmap(lambda state: encoding.encode(state, TOKENS), randomness="error")(together)
    for i, key in enumerate(seeds):
        alone = encoding.init(key, TASK.table)
        torch.testing.assert_close(x[i], encoding.encode(alone, TOKENS), rtol=1e-3, atol=1e-3)
        own = optree.tree_map(lambda leaf, i=i: leaf[i], together)
        torch.testing.assert_close(x[i], encoding.encode(own, TOKENS), rtol=1e-4, atol=1e-4)


def test_a_state_holds_nothing_but_tensors(trained):
    _, state = trained
    assert all(isinstance(leaf, torch.Tensor) for leaf in optree.tree_leaves(state))


def test_decoding_takes_the_likeliest_token_of_each_position(trained):
    encoding, state = trained
    x = keys.normal(KEY, (20, 4))
    z = (x * state.statistics.std + state.statistics.mean).float()
    one_hot = encoding._vae(6, 4).mode(state.params, z)
    tokens = encoding.decode(state, x)
    assert tokens.dtype == torch.int64
    assert torch.equal(tokens, one_hot.reshape(20, 6, 4).argmax(2))


@pytest.mark.slow
def test_most_tokens_survive():
    encoding, state = made(60, codes="mean", encoder_std="exp")
    info = encoding.info(state, TASK.table)
    # 90 % of the tokens are those of the five designs, and a quarter of the others by chance.
    assert info["token_accuracy"] > 0.85
    assert info["design_accuracy"] > 0.3
    assert info["distinct_decoded"] >= 5


def test_the_report_counts_what_it_is_shown(trained):
    encoding, state = trained
    x = encoding.encode(state, TOKENS)
    right = encoding.decode(state, x) == TOKENS
    report = encoding.report(state, x, TOKENS)
    assert report["token_accuracy"].item() == pytest.approx(right.float().mean().item())
    assert report["design_accuracy"].item() == pytest.approx(right.all(1).float().mean().item())
    assert report["distinct_decoded"] == len(encoding.decode(state, x).unique(dim=0))
    assert report["distinct_designs"] == len(TOKENS.unique(dim=0))
    assert encoding.info(state, TASK.table) == report


@pytest.mark.slow
def test_a_collapse_shows():
    # So much divergence that no latent tells anything: one design is the likeliest for all.
    encoding, state = made(100, beta=1000.0)
    info = encoding.info(state, TASK.table)
    assert info["distinct_decoded"] < 10
    assert info["distinct_designs"] == len(TOKENS.unique(dim=0)) > 40


def test_the_report_is_lifted_like_all_else():
    encoding, seeds = Latent(**SMALL, epochs=2), keys.split(KEY, 2)
    states = vmap(lambda key: encoding.init(key, TASK.table), randomness="error")(seeds)
    reports = vmap(lambda state: encoding.info(state, TASK.table), randomness="error")(states)
    assert all(value.shape == (2,) for value in reports.values())
    alone = encoding.info(encoding.init(seeds[1], TASK.table), TASK.table)
    assert reports["token_accuracy"][1].item() == pytest.approx(alone["token_accuracy"].item(), abs=0.01)
