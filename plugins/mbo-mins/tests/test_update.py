"""`mins` trains as published, and its generator inverts what it was told."""

from __future__ import annotations

import pytest
import torch
from mbo_mins.gan import GAN
from mbo_mins.update import MINs

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import Standardised
from mbo_core.tasks import Task

KEY = keys.key(3)
KINDS = pytest.mark.parametrize("kind", ["one-hot", "real"])


@pytest.fixture
def seen(monkeypatch):
    """What the critic and the generator are trained on, and at which temperatures."""
    log: dict[str, list] = {"x": [], "y": [], "w": [], "temperatures": [], "penalties": [], "generated": []}
    critic, generator = GAN.train_critic, GAN.train_generator

    def on_critic(self, x, y, w, temperature, penalty):
        for name, value in zip(log, (x, y, w, temperature, penalty), strict=False):
            log[name].append(value)
        return critic(self, x, y, w, temperature, penalty)

    def on_generator(self, y, w, temperature):
        log["generated"].append(len(log["x"]))
        return generator(self, y, w, temperature)

    monkeypatch.setattr(GAN, "train_critic", on_critic)
    monkeypatch.setattr(GAN, "train_generator", on_generator)
    return log


@KINDS
def test_candidates_are_designs(made, taken, kind):
    update, state, data = made(kind, candidates=50)
    for current in (state, taken(update, state, data, 1)[0]):
        x = update.designs(current)
        assert x.shape == (50, data.x.shape[1])
        assert x.isfinite().all()
        if kind == "one-hot":
            assert set(x.unique().tolist()) == {0.0, 1.0}
            assert (x.reshape(50, 5, 3).sum(2) == 1).all()


def test_generator_steps_at_every_tenth_batch(made, taken, seen):
    """Starting with the first batch of an epoch."""
    # 180 rows in batches of 5: 36 batches, ceil(36 / 10) = 4.
    update, state, data = made(batch_size=5)
    state, _ = taken(update, state, data, 2)
    assert seen["generated"] == [1, 11, 21, 31, 37, 47, 57, 67]
    for optimiser, steps in ((state.gan.of_critic, 72), (state.gan.of_generator, 8)):
        assert {int(one["step"]) for one in optimiser.state.values()} == {steps}


@pytest.mark.parametrize("order", ["fixed", "shuffled"])
def test_batches_repeat_in_each_epoch_by_default(made, taken, seen, order):
    update, state, data = made(order=order, negligible=0.0)
    taken(update, state, data, 2)
    batches = len(seen["x"]) // 2
    first, second = torch.cat(seen["x"][:batches]), torch.cat(seen["x"][batches:])
    assert [len(one) for one in seen["x"][:batches]] == [16] * 11 + [4]
    assert torch.equal(first, second) == (order == "fixed")
    assert torch.equal(torch.sort(first[:, 0]).values, torch.sort(second[:, 0]).values)
    assert MINs().order == "fixed"


def test_held_out_rows_are_never_trained_on(made, taken, seen):
    update, state, data = made(negligible=0.0)
    taken(update, state, data, 1)
    assert len(state.rows) == len(state.rows.unique()) == 180
    assert torch.equal(torch.cat(seen["y"]), data.y[state.rows])
    assert torch.equal(state.w, update.weighting.weights(data.y))
    # A mean over the batch, so that few heavy rows do not count more than many.
    assert torch.equal(seen["w"][0], state.w[state.rows[:16]] / 16)
    assert torch.equal(seen["w"][-1], state.w[state.rows[-4:]] / 4)


@pytest.mark.parametrize(("negligible", "share"), [(0.0, 1.0), (1e-7, 0.9), (1e-2, 0.6)])
def test_rows_that_count_for_nothing_are_left_out(made, taken, seen, negligible, share):
    update, state, data = made(negligible=negligible)
    taken(update, state, data, 1)
    assert (len(torch.cat(seen["y"])) / 180 <= share) == (share < 1 or negligible == 0)
    assert torch.cat(seen["w"]).sum() * 16 == pytest.approx(state.w[state.rows].sum().item(), rel=0.3)


def test_the_game_is_played_by_the_options(made, taken, seen):
    update, state, data = made("one-hot", penalty=3.0, keep=0.9, latent=5, hidden=(7, 9), learning_rate=1e-3)
    taken(update, state, data, 1)
    assert set(seen["penalties"]) == {3.0}
    gan = state.gan
    assert (gan.designs.keep, gan.designs.categories, gan.latent) == (0.9, (5, 3), 5)
    for player, inputs, outputs in ((gan.generator, 5, 15), (gan.critic, 15, 1)):
        sizes = [tuple(layer.weight.shape) for layer in player.layers]
        assert sizes == [(inputs, 7), (7, 9), (9, outputs)]
    assert {optimiser.param_groups[0]["lr"] for optimiser in (gan.of_critic, gan.of_generator)} == {1e-3}


@pytest.mark.parametrize(("epochs", "expected"), [(5, [5.0, 4.0, 3.0, 2.0, 1.0]), (1, [5.0])])
def test_the_temperature_falls_from_5_to_1(made, taken, seen, epochs, expected):
    update, state, data = made("one-hot", epochs=epochs)
    taken(update, state, data, epochs)
    assert list(dict.fromkeys(seen["temperatures"])) == expected


@pytest.mark.parametrize("beyond", [0.0, 1.5])
def test_wanted_score_is_the_best_visible_one(made, monkeypatch, beyond):
    asked = []
    sample = GAN.sample
    monkeypatch.setattr(GAN, "sample", lambda self, y: asked.append(y) or sample(self, y))
    _, _, data = made(beyond=beyond, candidates=7)
    assert torch.equal(asked[0], (data.y.max() + beyond).expand(7))
    assert MINs().beyond == 0


@pytest.mark.slow
def test_the_generator_inverts_the_objective():
    x = keys.normal(KEY, (1000, 1))
    y = x[:, 0] + 0.1 * keys.normal(keys.key(4), (1000,))
    data = encode_table(Standardised(), (0,), Task("line", x.numpy(), y.numpy()).table).first
    small = {"hidden": (32, 32), "latent": 2, "batch_size": 64, "epochs": 60, "held_out": 20}
    update = MINs(**small, learning_rate=2e-3, generator_every=2, weight_temperature=10.0)
    state = update.init(KEY, data, ())
    for epoch in range(60):
        state, _ = update.step(keys.fold_in(KEY, epoch), state, data, epoch)
    with keys.lend(KEY):
        means = [state.gan.sample(torch.full((200,), score)).mean().item() for score in (-1.0, 0.0, 1.0)]
    assert means == pytest.approx([-1.0, 0.0, 1.0], abs=0.35)
    assert means[0] < means[1] < means[2]


@KINDS
def test_infos_are_finite_and_describe_weights(made, taken, kind):
    update, state, data = made(kind)
    _, infos = taken(update, state, data, 2)
    names = {"loss", "real", "fake", "penalty", "generator_loss", "effective_rows", "capped"}
    for info in infos:
        assert set(info) == names
        assert all(value.shape == () and value.isfinite() for value in info.values())
    parts = infos[0]
    torch.testing.assert_close(parts["loss"], parts["fake"] - parts["real"] + 10 * parts["penalty"])
    assert infos[0]["effective_rows"] == infos[1]["effective_rows"] < len(data.y)


@KINDS
def test_the_key_decides(made, kind):
    found = []
    for key in (KEY, KEY, keys.key(9)):
        update, state, data = made(kind)
        found.append(update.designs(update.step(key, state, data, 0)[0]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_it_needs_no_proxy():
    assert MINs().needs == set()


def test_too_few_rows_are_refused_before_any_training(encoded):
    with pytest.raises(TaskError, match="lower the option held_out"):
        MINs(held_out=199).check(encoded["real"])
    MINs(held_out=198).check(encoded["real"])


def test_a_network_has_a_hidden_layer():
    with pytest.raises(ValueError, match=r"hidden=\[\] leaves no layer"):
        MINs(hidden=())
