"""`label-bank` is as many networks as bins, equal until a batch tells them apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import optree
import pytest
import torch
from mbo_nemo.logistic import Bins, ends_of
from mbo_nemo.proxy import LabelBank
from torch import nn
from torch.func import grad, vmap

from mbo_core.errors import TaskError
from mbo_core.functional import batches, keys
from mbo_core.stages import Adversary, Batch, Data, EncodedSpace, NoAdversary
from mbo_core.testing.nests import assert_close, equal

KEY = keys.key(3)
X = keys.normal(keys.key(5), (90, 4))
Y = -(X**2).sum(1)
DATA = Data(
    X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X.amin(0), X.amax(0))
)
PLAIN = Batch(DATA.x[:20], DATA.y[:20], torch.ones(20))
# Each of five members is told something else, and weighs the rows in its own way.
APART = Batch(PLAIN.x, keys.normal(KEY, (5, 20)), keys.uniform(KEY, (5, 20)) + 0.5)


def bank(adversary=None, **options) -> LabelBank:
    return LabelBank(adversary=adversary or NoAdversary(), **{"bins": 5, "hidden": (8, 8), "epochs": 3, **options})


def stepped(proxy, state, *rows):
    for batch in rows:
        state, _ = proxy.step(KEY, state, batch)
    return state


def told_alike(batch: Batch, members: int = 5) -> Batch:
    """The same batch with a member axis."""
    return batch._replace(y=batch.y.expand(members, -1))


def member(nest, number):
    return optree.tree_map(lambda leaf: leaf[number], nest)


def test_loss_is_weighted_log_mass_of_bins():
    proxy = bank()
    state, bins = proxy.init(KEY, DATA), Bins(ends_of(DATA.y, 0.25), 5)
    mean, std = proxy.predict(state, PLAIN.x)
    weight = torch.linspace(0, 2, 20)
    _, info = proxy.step(KEY, state, PLAIN._replace(w=weight))
    scale = std * math.sqrt(3) / math.pi
    torch.testing.assert_close(scale, bins.width.expand(20))
    cuts, label = torch.cat([torch.tensor([-1e9]), bins.edges, torch.tensor([1e9])]), bins.labels(PLAIN.y)
    mass = torch.sigmoid((cuts[label + 1] - mean) / scale) - torch.sigmoid((cuts[label] - mean) / scale)
    torch.testing.assert_close(info["loss"], (weight * -mass.log()).mean())


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_std_is_that_of_a_logistic(scale):
    proxy = bank(scale=scale)
    _, std = proxy.predict_members(proxy.init(KEY, DATA), DATA.x)
    width = 1.25 * (DATA.y.amax() - DATA.y.amin()) / 5
    torch.testing.assert_close(std, (scale * width * math.pi / math.sqrt(3)).expand(5, 90))


def network(params) -> nn.Sequential:
    """The first member as an ordinary module."""
    layers = []
    for each in params["layers"]:
        linear = nn.Linear(*each["weight"].shape[1:])
        linear.weight.data, linear.bias.data = each["weight"][0].T.clone(), each["bias"][0].clone()
        layers += [linear, nn.Softplus()]
    return nn.Sequential(*layers[:-1])


def test_the_bank_is_as_many_separate_networks():
    proxy, bins = bank(tracking_rate=1e-3), Bins(ends_of(DATA.y, 0.25), 5)
    start = proxy.init(KEY, DATA)
    after = stepped(proxy, start, APART, APART)
    predicted = proxy.predict_members(after, DATA.x).mean
    for number in range(5):
        alone = network(start.params)
        optimiser = torch.optim.Adam(alone.parameters(), lr=1e-3, eps=1e-7)
        for _ in range(2):
            optimiser.zero_grad()
            mean, label = alone(APART.x)[:, 0], bins.labels(APART.y[number])
            (APART.w[number] * -bins.log_mass(mean, bins.width, label)).mean().backward()
            optimiser.step()
        trained = [leaf.detach() for linear in alone[::2] for leaf in (linear.bias, linear.weight.T)]
        assert_close(member(after.params["layers"], number), trained, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(predicted[number], alone(DATA.x)[:, 0].detach(), rtol=1e-5, atol=1e-5)


def lengths(nest):
    return {len(leaf) for leaf in optree.tree_leaves(nest)}


def test_equal_members_are_trained_once():
    proxy = bank()
    state = proxy.init(KEY, DATA)
    first, *others = proxy.predict_members(state, DATA.x).mean
    assert len(others) == 4
    assert all(torch.equal(first, other) for other in others)
    trained = stepped(proxy, state, PLAIN, PLAIN)
    assert lengths((trained.optimiser.first, trained.optimiser.second)) == {1}
    apart = stepped(proxy, trained, APART)
    assert lengths((apart.optimiser.first, apart.optimiser.second)) == {5}
    assert [lengths(each.params) for each in (state, trained, apart)] == [{5}] * 3
    assert len(proxy.predict_members(apart, DATA.x).mean.unique(dim=0)) == 5


def test_training_one_network_equals_training_all():
    proxy = bank(learning_rate=0.01, tracking_rate=0.01)
    start, rows = proxy.init(KEY, DATA), list(batches.iterate(KEY, DATA, proxy.schedule(DATA)))
    shared = stepped(proxy, start, *rows)
    alike = stepped(proxy, start, *map(told_alike, rows))
    assert_close(alike.params, shared.params)
    together, apart = (proxy.predict_members(state, DATA.x) for state in (shared, alike))
    assert_close(together, apart)
    assert_close(proxy.predict(shared, DATA.x), proxy.predict(alike, DATA.x))
    # From here on it does not matter how they were trained.
    assert_close(stepped(proxy, shared, APART), stepped(proxy, alike, APART))


def test_common_batch_keeps_members_different():
    proxy = bank()
    apart = stepped(proxy, proxy.init(KEY, DATA), APART)
    assert_close(stepped(proxy, apart, PLAIN), stepped(proxy, apart, told_alike(PLAIN)))
    assert len(proxy.predict_members(stepped(proxy, apart, PLAIN), DATA.x).mean.unique(dim=0)) == 5


@pytest.mark.parametrize("axis", ["x", "y", "w"])
def test_any_batch_part_may_have_members(axis):
    proxy = bank()
    values = getattr(PLAIN, axis)
    own = PLAIN._replace(**{axis: torch.stack([values + 0.3 * number for number in range(5)])})
    state = stepped(proxy, proxy.init(KEY, DATA), PLAIN)
    after = stepped(proxy, state, own)
    for number in range(5):
        alone = stepped(proxy, state, told_alike(PLAIN._replace(**{axis: getattr(own, axis)[number]})))
        assert_close(member(after.params, number), member(alone.params, 0))


def test_phases_have_own_rates_and_share_moments():
    state = bank().init(KEY, DATA)
    slow, fast = (bank(learning_rate=0.0, tracking_rate=rate) for rate in (0.0, 0.1))
    assert equal(stepped(slow, state, PLAIN).params, state.params)
    assert equal(stepped(fast, state, PLAIN).params, state.params)
    moments = stepped(fast, state, PLAIN).optimiser
    after = stepped(fast, stepped(fast, state, PLAIN), told_alike(PLAIN)).optimiser
    assert after.steps == 2
    # The same gradient twice: m = 0.19 g after 0.1 g.
    for before, now in zip(*map(optree.tree_leaves, (moments.first, after.first)), strict=True):
        torch.testing.assert_close(now, 1.9 * before.expand_as(now))
    assert not equal(stepped(fast, state, APART).params["layers"], stepped(slow, state, APART).params["layers"])


def test_kept_moments_preserve_the_fit():
    """New moments would move every weight by a full step."""
    proxy = bank(learning_rate=0.01)
    state = stepped(proxy, proxy.init(KEY, DATA), *list(batches.iterate(KEY, DATA, proxy.schedule(DATA))) * 20)
    fresh = state._replace(optimiser=proxy.init(KEY, DATA).optimiser)
    everything = told_alike(Batch(DATA.x, DATA.y, torch.ones(90)))

    def moved(start) -> float:
        after = proxy.predict(stepped(proxy, start, everything), DATA.x).mean
        return float((after - proxy.predict(state, DATA.x).mean).abs().mean())

    assert moved(state) < 0.5 * moved(fresh)


def test_a_batch_that_weighs_nothing_moves_nothing():
    proxy = bank()
    state = proxy.init(KEY, DATA)
    after, info = proxy.step(KEY, state, PLAIN._replace(w=torch.zeros(20)))
    assert info["loss"] == 0
    assert equal(after.params, state.params)


def test_the_prediction_is_that_of_the_mixture():
    proxy = bank()
    state = stepped(proxy, proxy.init(KEY, DATA), APART, APART)
    (mean, std), mixture = proxy.predict_members(state, DATA.x), proxy.predict(state, DATA.x)
    torch.testing.assert_close(mixture.mean, mean.mean(0))
    second = (std**2 + mean**2).mean(0)
    torch.testing.assert_close(mixture.std, (second - mean.mean(0) ** 2).sqrt())


@pytest.mark.parametrize("batch", [PLAIN, APART], ids=["plain", "apart"])
def test_model_agrees_with_the_proxy(batch):
    proxy = bank()
    state = stepped(proxy, proxy.init(KEY, DATA), PLAIN)
    assert_close(proxy.model(state).predict(state.params, DATA.x), proxy.predict(state, DATA.x))
    assert proxy.model(state).loss(state.params, batch) == proxy.step(KEY, state, batch)[1]["loss"]


def test_it_learns():
    proxy = bank(bins=20, hidden=(32, 32), epochs=40, batch_size=30, learning_rate=0.01)
    state = stepped(proxy, proxy.init(KEY, DATA), *batches.iterate(KEY, DATA, proxy.schedule(DATA)))
    mean, std = proxy.predict(state, DATA.x)
    assert (mean - DATA.y).abs().mean() < 0.2
    assert ((mean - DATA.y).abs() < 2 * std).float().mean() > 0.9


@dataclass(frozen=True, kw_only=True)
class Push(Adversary):
    """Adds normal noise to every weight, and counts."""

    std: float = 0.1
    name = "push"
    moves = frozenset({"weights"})

    def init(self, key, data):
        return torch.zeros(())

    def mine(self, key, state, model, start, batch):
        assert model.predict(start.params, batch.x).mean.shape == batch.y.shape
        assert model.loss(start.params, batch).shape == ()
        params = optree.tree_map(lambda leaf: leaf + self.std * keys.normal(key, leaf.shape), start.params)
        return start._replace(params=params), state + 1


def test_loss_is_taken_at_the_moved_weights():
    proxy, plain = bank(Push()), bank()
    state = proxy.init(KEY, DATA)
    after, info = proxy.step(KEY, state, PLAIN)
    noisy = optree.tree_map(lambda leaf: leaf + 0.1 * keys.normal(KEY, leaf.shape[1:]), state.params["layers"])
    there, expected = plain.step(KEY, plain.init(KEY, DATA)._replace(params={**state.params, "layers": noisy}), PLAIN)
    torch.testing.assert_close(info["loss"], expected["loss"])
    moved = optree.tree_map(torch.sub, after.params["layers"], state.params["layers"])
    assert_close(moved, optree.tree_map(torch.sub, there.params["layers"], noisy), rtol=0, atol=1e-6)


def test_adversary_keeps_members_comparable_and_bins_fixed():
    proxy = bank(Push(), learning_rate=0.01, tracking_rate=0.01)
    start = proxy.init(KEY, DATA)
    shared, alike = stepped(proxy, start, PLAIN, PLAIN), stepped(proxy, start, *[told_alike(PLAIN)] * 2)
    assert_close(alike.params, shared.params)
    assert torch.equal(alike.params["ends"], ends_of(DATA.y, 0.25).expand(5, 2))
    assert alike.adversary.tolist() == [2.0] * 5


def test_the_ends_of_the_bins_have_no_gradient():
    proxy = bank()
    state = proxy.init(KEY, DATA)
    for batch in (PLAIN, APART):
        slope = grad(lambda params, rows: proxy.model(state).loss(params, rows))(state.params, batch)
        assert (slope["ends"] == 0).all()
        assert all((leaf != 0).any() for leaf in optree.tree_leaves(slope["layers"]))


@pytest.mark.parametrize(("options", "y"), [({}, torch.zeros(90)), ({"bins": 2, "span": 1.5}, DATA.y)])
def test_indistinguishable_scores_are_refused_before_training(options, y):
    with pytest.raises(TaskError):
        bank(**options).schedule(Data(DATA.x, y, DATA.space))


@pytest.mark.parametrize("bins", [2, 5])
def test_seeds_together_equal_seeds_alone(bins):
    proxy = bank(Push(), bins=bins)

    def train(key):
        state = proxy.init(key, DATA)
        for number, batch in enumerate([PLAIN, PLAIN, APART._replace(y=APART.y[:bins], w=APART.w[:bins])]):
            state, _ = proxy.step(keys.fold_in(key, number), state, batch)
        return state, proxy.predict_members(state, DATA.x)

    seeds = keys.split(KEY, 3)
    together = vmap(train, randomness="error")(seeds)
    for i, key in enumerate(seeds):
        assert_close(member(together, i), train(key), rtol=1e-4, atol=1e-5)
