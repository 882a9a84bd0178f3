"""`ranking` learns the order of designs, scales its output, and trains against either adversary."""

from __future__ import annotations

import optree
import pytest
import torch
from mbo_coms.adversary import DesignAscent
from mbo_ram.lists import drawn
from mbo_ram.losses import LOSSES, listnet, mean_loss
from mbo_ram.proxy import Ranking
from mbo_roma.adversary import WeightAscent
from torch.func import grad, vmap

from mbo_core.functional import batches, keys
from mbo_core.runs.held_out import spearman
from mbo_core.stages import Batch, Data, EncodedSpace, Mined, NoAdversary

KEY = keys.key(2)
X = keys.normal(keys.key(5), (200, 4))
Y = -(X**2).sum(1)
DATA = Data(
    X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X.amin(0), X.amax(0))
)
BATCH = Batch(X, DATA.y, torch.ones(200))


def proxy(adversary=None, **options) -> Ranking:
    options = {"hidden": (16,), "learning_rate": 0.01, "list_length": 50, **options}
    return Ranking(adversary=adversary or NoAdversary(), **options)


def trained(stage: Ranking, steps: int = 60):
    state, infos = stage.init(KEY, DATA), []
    for number in range(steps):
        state, info = stage.step(keys.fold_in(KEY, number), state, BATCH)
        infos.append(info)
    return state, infos


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("augment", [False, True])
def test_every_loss_learns_the_order(loss, augment):
    stage = proxy(loss=loss, augment=augment, lists=3)
    state, infos = trained(stage, 100)
    predicted = stage.predict(stage.finish(KEY, state, DATA), X).mean
    assert spearman(DATA.y.double().numpy(), predicted.double().numpy()) > 0.8
    assert infos[-1]["loss"] < infos[0]["loss"]
    assert infos[-1].keys() == {"loss", "constant"}


def test_a_batch_of_one_list_is_that_list():
    stage = proxy(list_length=200, weight_decay=0.0)
    state = stage.init(KEY, DATA)
    after, info = stage.step(KEY, state, BATCH)
    slope = grad(lambda params: listnet(stage._net.apply(params, X)[:, 0], DATA.y, BATCH.w))(state.params)
    slope[-1]["bias"].zero_()
    for moment, expected in zip(optree.tree_leaves(after.optimiser.first), optree.tree_leaves(slope), strict=True):
        torch.testing.assert_close(moment, 0.1 * expected, rtol=1e-4, atol=1e-6)
    assert info["loss"] == listnet(stage._net.apply(state.params, X)[:, 0], DATA.y, BATCH.w)


def test_with_augmentation_a_step_takes_drawn_lists():
    stage = proxy(augment=True, lists=3)
    state = stage.init(KEY, DATA)
    rows = drawn(keys.split(KEY)[0], 200, 3, 50).rows
    s = stage.predict(state, X).mean
    _, info = stage.step(KEY, state, BATCH)
    torch.testing.assert_close(info["loss"], mean_loss("listnet", s[rows], DATA.y[rows], torch.ones(3, 50)))


def test_the_last_bias_stays_at_0():
    """Nothing depends on it, so its gradient is only rounding."""
    assert trained(proxy(weight_decay=0.0), 5)[0].params[-1]["bias"] == 0


def test_weight_decay_adds_the_weights_to_the_gradient():
    state = proxy().init(KEY, DATA)
    with_it, without = (proxy(weight_decay=decay).step(KEY, state, BATCH)[0] for decay in (0.5, 0.0))
    moments = (optree.tree_leaves(one.optimiser.first) for one in (with_it, without))
    for one, other, weight in zip(*moments, optree.tree_leaves(state.params), strict=True):
        torch.testing.assert_close(one, other + 0.05 * weight, rtol=1e-4, atol=1e-6)


def test_the_output_is_standardised_in_the_end():
    stage = proxy()
    before, _ = trained(stage)
    after = stage.finish(KEY, before, DATA)
    raw, mean = (stage.predict(state, X).mean for state in (before, after))
    assert mean.mean().abs() < 1e-5
    assert mean.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert torch.equal(raw.argsort(), mean.argsort())
    again = stage.finish(KEY, after, DATA)
    assert (again.centre, again.scale) == (after.centre, after.scale)


def test_rows_weigh_in_the_scale_of_the_output():
    stage, state = proxy(), proxy().init(KEY, DATA)
    w = torch.ones(200)
    w[:50], w[50:100] = 2, 0
    weighted = stage.finish(KEY, state, Data(X, DATA.y, DATA.space, w))
    rows = torch.cat([torch.arange(50), torch.arange(50), torch.arange(100, 200)])
    twice = stage.finish(KEY, state, Data(X[rows], DATA.y[rows], DATA.space))
    torch.testing.assert_close((weighted.centre, weighted.scale), (twice.centre, twice.scale))


def test_a_constant_proxy_is_left_as_it_is():
    stage = proxy()
    state = stage.init(KEY, DATA)
    flat = state._replace(params=optree.tree_map(torch.zeros_like, state.params))
    assert stage.finish(KEY, flat, DATA).scale == 1
    _, info = stage.step(KEY, flat, BATCH)
    assert info["constant"] == 1
    assert stage.step(KEY, state, BATCH)[1]["constant"] == 0
    # A single row says nothing about the others.
    assert stage.step(KEY, state, Batch(X[:1], DATA.y[:1], torch.ones(1)))[1]["constant"] == 0


def test_an_adversary_of_weights_leaves_the_scale():
    """Centre and scale are no weights: only the network's two layers move."""
    stage, adversary = proxy(), WeightAscent(steps=3, radius=0.1)
    state = stage.finish(KEY, trained(stage, 5)[0], DATA)
    model = stage.model(state)
    mined, _ = adversary.mine(KEY, (), model, Mined(state.params, X), BATCH)
    assert model.loss(mined.params, BATCH) > model.loss(state.params, BATCH)
    assert len(optree.tree_leaves(mined.params)) == 4


def test_the_loss_is_taken_at_the_moved_weights():
    against, plain = proxy(WeightAscent(steps=3, radius=0.1)), proxy()
    state = plain.init(KEY, DATA)
    assert against.step(KEY, state, BATCH)[1]["loss"] > plain.step(KEY, state, BATCH)[1]["loss"]


@pytest.mark.parametrize("loss", ["listnet", pytest.param("rank-cosine", marks=pytest.mark.slow)])
def test_overestimation_is_limited(loss):
    """A higher multiplier, or a lower limit, keeps the moved designs lower."""
    found = []
    for alpha, limit in [(0.0, 0.1), (0.1, 0.1), (0.1, 5.0)]:
        adversary = DesignAscent(steps=5, step_size=0.05)
        stage = proxy(
            adversary, loss=loss, initial_multiplier=alpha, overestimation_limit=limit, multiplier_learning_rate=0.1
        )
        found.append(trained(stage, 80)[1][-1])
    free, held, slack = found
    assert held["overestimation"] < 0.6 * free["overestimation"]
    assert held["overestimation"] < slack["overestimation"]
    assert free["multiplier"] == 0
    assert held["multiplier"] > slack["multiplier"]


def test_rank_cosine_counts_overestimation_in_deviations():
    """Its predictions have no scale of their own."""
    stage = proxy(DesignAscent(steps=2), loss="rank-cosine")
    state = stage.init(KEY, DATA)
    last = state.params[-1]
    larger = (*state.params[:-1], {name: 10 * value for name, value in last.items()})
    mined = X + 0.1
    few = [
        stage._primal(params, BATCH, mined, stage._lists(KEY, BATCH), torch.zeros(()))[1]["overestimation"]
        for params in (state.params, larger)
    ]
    torch.testing.assert_close(few[0], few[1])


def test_a_batch_without_weight_moves_nothing():
    stage = proxy(DesignAscent(steps=2), weight_decay=0.0)
    state = stage.init(KEY, DATA)
    after, _ = stage.step(KEY, state, BATCH._replace(w=torch.zeros(200)))
    assert all(map(torch.equal, optree.tree_leaves(after.params), optree.tree_leaves(state.params)))
    assert after.multiplier.log == state.multiplier.log


def test_a_batch_has_the_rows_of_its_lists():
    schedule = proxy(lists=3, list_length=50, steps=7).schedule(DATA)
    assert (schedule.batch_size, schedule.steps) == (150, 7)
    assert [len(batch.y) for batch in batches.iterate(KEY, DATA, schedule)] == [150, 50] * 3 + [150]


def test_seeds_together_equal_seeds_alone():
    stage = proxy(DesignAscent(steps=2), augment=True, lists=3)

    def train(key):
        state = stage.init(key, DATA)
        for number in range(3):
            state, _ = stage.step(keys.fold_in(key, number), state, BATCH)
        return stage.finish(key, state, DATA)

    seeds = keys.split(KEY, 3)
    together = vmap(train, randomness="error")(seeds)
    for i, key in enumerate(seeds):
        for one, other in zip(optree.tree_leaves(together), optree.tree_leaves(train(key)), strict=True):
            torch.testing.assert_close(one[i], other, rtol=1e-4, atol=1e-5)
