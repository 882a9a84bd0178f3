"""The evidence is that of the paper, weighted row by row, and training minimises it."""

from __future__ import annotations

import math

import optree
import pytest
import torch
from mbo_latent.vae import VAE, Categorical, Gaussian, decoder_for, divergence, fit
from torch.distributions import Normal, kl_divergence
from torch.func import grad, vmap

from mbo_core.errors import TaskError
from mbo_core.functional import batches, keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import OneHot, Prediction, Schedule, Standardised
from mbo_core.tasks import Space, Task
from mbo_core.testing.nests import equal

KEY = keys.key(3)
ROWS, WIDTH, LATENT = 30, 8, 3
NOISE = keys.normal(keys.key(6), (ROWS, LATENT))
TOKENS = keys.randint(keys.key(7), (ROWS, 2), 4)
X = {
    "one-hot": torch.nn.functional.one_hot(TOKENS, 4).flatten(1).float(),
    "real": keys.normal(keys.key(5), (ROWS, WIDTH)),
}
DECODERS = {"one-hot": Categorical(2, 4, (16,)), "real": Gaussian(WIDTH, (16,))}
KINDS = pytest.mark.parametrize("kind", X)
ONES = torch.ones(ROWS)


def model(kind="real", **options) -> VAE:
    return VAE(DECODERS[kind], **{"latent": LATENT, "hidden": (16,), **options})


def far(vae):
    """Weights whose outputs are spread out."""
    return optree.tree_map(lambda leaf: 3 * leaf if leaf.ndim else leaf, vae.start(KEY, WIDTH).params)


@KINDS
@pytest.mark.parametrize("encoder_std", ["exp", "softplus"])
@pytest.mark.parametrize("beta", [0.0, 1.0, 10.0])
def test_loss_is_weighted_evidence_with_one_draw(kind, encoder_std, beta):
    vae = model(kind, encoder_std=encoder_std, beta=beta)
    params, x, w = far(vae), X[kind], keys.uniform(keys.key(9), (ROWS,))
    posterior = Normal(*vae.encode(params, x))
    z = posterior.mean + posterior.stddev * NOISE
    nll = -vae.decoder.log_likelihood(params["decoder"], z, x)
    kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
    # The mean over rows, not over the sum of their weights.
    torch.testing.assert_close(vae.loss(params, NOISE, x, w), (w * (nll + beta * kl)).sum() / ROWS)


@pytest.mark.parametrize(
    ("encoder_std", "bounds", "lowest", "highest"),
    [
        ("exp", (0.1, 0.2), 0.1, 0.3),
        ("softplus", (0.1, 0.2), 0.0953, 0.2624),
        ("exp", (0.5, 1.5), 0.5, 2.0),
        ("softplus", (0.5, 1.5), math.log(1.5), math.log(3)),
    ],
)
def test_the_encoders_std_and_the_released_slip(encoder_std, bounds, lowest, highest):
    vae = model(encoder_std=encoder_std, std_bounds=bounds)
    _, std = vae.encode(vae.start(KEY, WIDTH).params, 1e4 * X["real"])
    assert std.min().item() == pytest.approx(lowest, rel=1e-3)
    assert std.max().item() == pytest.approx(highest, rel=1e-3)


def test_encoder_std_forms_share_their_argument():
    params = far(model())
    meant, slipped = (model(encoder_std=name).encode(params, X["real"]) for name in ("exp", "softplus"))
    assert torch.equal(meant.mean, slipped.mean)
    torch.testing.assert_close(slipped.std, torch.nn.functional.softplus(meant.std.log()))


@pytest.mark.parametrize("bounds", ["trained", "frozen"])
def test_the_encoders_bounds_may_be_frozen(bounds):
    vae = model(bounds=bounds)
    slope = grad(vae.loss)(far(vae), NOISE, X["real"], ONES)["encoder"]
    assert (slope["upper"] != 0) == (slope["lower"] != 0) == (bounds == "trained")


def test_the_divergence_is_that_of_two_normals():
    posterior = Prediction(keys.normal(KEY, (7, 4)), 0.1 + keys.uniform(KEY, (7, 4)))
    torch.testing.assert_close(divergence(posterior), kl_divergence(Normal(*posterior), Normal(0.0, 1.0)).sum(1))


@KINDS
def test_constant_weights_train_as_none(kind):
    vae = model(kind)
    start, schedule = vae.start(KEY, WIDTH), Schedule(5, 10)
    (plain, loss), (heavy, scaled) = (fit(vae, KEY, start, X[kind], w, schedule) for w in (ONES, 8 * ONES))
    torch.testing.assert_close(scaled, 8 * loss, rtol=1e-3, atol=0)
    # Adam hides a common factor, but for its epsilon.
    for one, other in zip(*map(optree.tree_leaves, (plain.params, heavy.params)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@KINDS
def test_without_weight_nothing_moves(kind):
    vae = model(kind)
    start = vae.start(KEY, WIDTH)
    slope = grad(vae.loss)(start.params, NOISE, X[kind], torch.zeros(ROWS))
    assert all((leaf == 0).all() for leaf in optree.tree_leaves(slope))
    after, loss = fit(vae, KEY, start, X[kind], torch.zeros(ROWS), Schedule(3, 10))
    assert loss == 0
    assert equal(after.params, start.params)


def test_rows_without_weight_do_not_matter():
    vae = model()
    w = (torch.arange(ROWS) < 20).float()
    changed = torch.where(w[:, None] > 0, X["real"], X["real"] + 1)
    one, other = (grad(vae.loss)(far(vae), NOISE, x, w) for x in (X["real"], changed))
    assert equal(one, other)


@pytest.mark.parametrize("kind", ["one-hot", pytest.param("real", marks=pytest.mark.slow)])
def test_training_lowers_the_loss(kind):
    vae = model(kind, learning_rate=1e-2)
    start = vae.start(KEY, WIDTH)
    _, early = fit(vae, KEY, start, X[kind], ONES, Schedule(1, 10))
    _, late = fit(vae, KEY, start, X[kind], ONES, Schedule(60, 10))
    assert late < early - 1


@pytest.mark.parametrize(
    ("epochs", "size", "held_out", "drop_last", "steps"),
    [(0, 10, 0, False, 0), (2, 10, 0, False, 6), (2, 10, 5, False, 6), (2, 10, 5, True, 4), (3, 1, 0, False, 90)],
)
def test_an_epoch_is_every_training_row_once(epochs, size, held_out, drop_last, steps):
    vae = model()
    after, _ = fit(vae, KEY, vae.start(KEY, WIDTH), X["real"], ONES, Schedule(epochs, size, held_out, drop_last))
    assert after.optimiser.steps == steps


def test_rows_held_out_are_never_looked_at():
    vae, schedule = model(), Schedule(2, 10, held_out=8)
    rows = next(batches.epochs(KEY, ROWS, schedule)).order.rows
    x = torch.full_like(X["real"], torch.nan).index_copy(0, rows, X["real"][rows])
    after, loss = fit(vae, KEY, vae.start(KEY, WIDTH), x, ONES, schedule)
    assert loss.isfinite()
    assert all(leaf.isfinite().all() for leaf in optree.tree_leaves(after))


def test_each_step_has_its_own_noise(monkeypatch):
    seen = []
    step = VAE.step
    monkeypatch.setattr(
        VAE, "step", lambda self, state, noise, x, w: seen.append(noise) or step(self, state, noise, x, w)
    )
    vae = model()
    fit(vae, KEY, vae.start(KEY, WIDTH), X["real"].repeat(2, 1), torch.ones(2 * ROWS), Schedule(3, 1))
    drawn = torch.cat(seen)
    assert len(drawn) == 180
    assert len(drawn.unique()) == 180 * LATENT


def test_too_few_rows_are_refused():
    vae = model()
    with pytest.raises(TaskError, match="lower the option held_out"):
        fit(vae, KEY, vae.start(KEY, WIDTH), X["real"], ONES, Schedule(1, 10, held_out=29))


@KINDS
def test_samples_decode_latents_of_the_prior(kind):
    vae = model(kind)
    params = far(vae)
    latent_key, design_key = keys.split(KEY)
    expected = vae.decoder.sample(design_key, params["decoder"], vae.prior(latent_key, 5))
    found = vae.sample(KEY, params, 5)
    assert torch.equal(found, expected)
    assert not torch.equal(found, vae.mode(params, vae.prior(latent_key, 5)))


def test_the_prior_is_a_unit_normal():
    z = model().prior(KEY, 4000)
    assert z.shape == (4000, LATENT)
    assert z.mean().abs() < 0.03
    assert z.std().item() == pytest.approx(1, abs=0.03)


@KINDS
def test_seeds_together_equal_seeds_alone(kind):
    vae, seeds = model(kind), keys.split(KEY, 3)

    def train(key):
        state, _ = fit(
            vae, keys.fold_in(key, 1), vae.start(keys.fold_in(key, 0), WIDTH), X[kind], ONES, Schedule(2, 10)
        )
        return state.params

    together = vmap(train, randomness="error")(seeds)
    for i, key in enumerate(seeds):
        for one, other in zip(*map(optree.tree_leaves, (together, train(key))), strict=True):
            torch.testing.assert_close(one[i], other, rtol=1e-3, atol=1e-4)


def test_the_decoder_fits_the_space():
    letters = Task("letters", TOKENS.numpy(), [0.0, 1.0] * 15, space=Space.discrete(2, 4), replicates="keep")
    numbers = Task("numbers", X["real"].numpy(), [0.0, 1.0] * 15)
    spaces = [
        encode_table(encoding, (0,), task.table).space
        for encoding, task in ((OneHot(), letters), (Standardised(), numbers))
    ]
    assert [decoder_for(space, (5,)) for space in spaces] == [Categorical(2, 4, (5,)), Gaussian(WIDTH, (5,))]
