"""The members of `ensemble` are bounded, weighted and independent."""

from __future__ import annotations

import math

import optree
import pytest
import torch
from mbo_grad_ascent.proxy import Ensemble
from torch.distributions import Normal

from mbo_core.errors import TaskError
from mbo_core.functional import batches, keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import Batch, Data, EncodedSpace, NoAdversary, OneHot
from mbo_core.testing import small_task
from mbo_core.testing.nests import equal

KEY = keys.key(3)
X = keys.normal(keys.key(5), (90, 4))
Y = -(X**2).sum(1)
DATA = Data(
    X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X.amin(0), X.amax(0))
)
PLAIN = Batch(DATA.x[:20], DATA.y[:20], torch.ones(20))


def ensemble(**options) -> Ensemble:
    defaults = {"members": 3, "hidden": (8,), "epochs": 3, "batch_size": 32, "held_out": 10}
    return Ensemble(adversary=NoAdversary(), **{**defaults, **options})


def member(nest, number):
    """One member of a nest; Adam's count of steps is common to all."""
    return optree.tree_map(lambda leaf: leaf[number : number + 1] if leaf.ndim else leaf, nest)


def own(batch, number):
    """What one member sees of a batch."""
    ranks = [each.ndim for each in PLAIN[:3]]
    tensors = zip(batch[:3], ranks, strict=True)
    return Batch(*(each[number : number + 1] if each.ndim > rank else each for each, rank in tensors))


def published_loss(proxy, state, batch, counts):
    """Of each member: sum of c * nll over the sum of c."""
    mean, std = proxy.predict_members(state, batch.x)
    return (counts * -Normal(mean, std).log_prob(batch.y)).sum(1) / counts.sum(1)


@pytest.mark.parametrize("shuffle", ["shared", "own"])
@pytest.mark.parametrize("members", [1, 5])
def test_each_member_draws_all_its_rows(members, shuffle):
    schedule = ensemble(members=members, shuffle=shuffle).schedule(DATA)
    counts = batches.examples(KEY, 90, schedule).w
    assert counts.shape == (members, 80)
    assert torch.equal(counts, counts.round())
    assert (counts >= 0).all()
    assert counts.sum(1).tolist() == [80.0] * members
    assert (counts > 0).float().mean().item() == pytest.approx(1 - math.exp(-1), abs=0.08)
    assert len(counts.unique(dim=0)) == members


def test_without_a_bootstrap_every_row_counts_once():
    assert (batches.examples(KEY, 90, ensemble(bootstrap=False).schedule(DATA)).w == 1).all()


@pytest.mark.parametrize(("shuffle", "splits"), [("shared", 1), ("own", 3)])
def test_splits_are_shared_or_each_members_own(shuffle, splits):
    rows = batches.examples(KEY, 90, ensemble(shuffle=shuffle).schedule(DATA)).rows
    assert len(torch.atleast_2d(rows).sort(1).values.unique(dim=0)) == splits


def test_unit_counts_give_the_mean_likelihood():
    proxy = ensemble()
    state = proxy.init(KEY, DATA)
    prediction = proxy.predict_members(state, PLAIN.x)
    _, info = proxy.step(KEY, state, PLAIN)
    torch.testing.assert_close(info["loss"], -Normal(*prediction).log_prob(PLAIN.y).mean())


def test_loss_is_published_quotient_of_counts():
    proxy = ensemble()
    state, drawn = proxy.init(KEY, DATA), batches.examples(KEY, 90, proxy.schedule(DATA))
    batch, counts = batches.take(DATA, drawn, slice(20)), drawn.w[:, :20]
    _, info = proxy.step(KEY, state, batch)
    expected = published_loss(proxy, state, batch, counts)
    torch.testing.assert_close(info["loss"], expected.mean())
    torch.testing.assert_close(proxy.model(state).loss(state.params, batch), expected.mean())


def test_a_batch_of_counts_of_zero_weighs_nothing():
    proxy = ensemble()
    state = proxy.init(KEY, DATA)
    drawn = batches.Examples(torch.arange(20), torch.zeros(3, 20))
    after, info = proxy.step(KEY, state, batches.take(DATA, drawn, slice(20)))
    assert info["loss"] == 0
    assert equal(after.params, state.params)


def test_training_one_member_leaves_the_others_untouched():
    proxy = ensemble()
    state = proxy.init(KEY, DATA)
    after, _ = proxy.step(KEY, state, PLAIN._replace(w=torch.tensor([0.0, 1.0, 0.0])[:, None].expand(3, 20)))
    for number, trained in enumerate([False, True, False]):
        assert equal(member(after.params, number), member(state.params, number)) != trained


@pytest.mark.parametrize("shuffle", ["shared", "own"])
def test_a_member_trains_as_if_it_were_alone(shuffle):
    proxy, single = ensemble(shuffle=shuffle), ensemble(shuffle=shuffle, members=1)
    state = proxy.init(KEY, DATA)
    alone = member(state, 1)
    for batch in batches.iterate(KEY, DATA, proxy.schedule(DATA)):
        state, _ = proxy.step(KEY, state, batch)
        alone, _ = single.step(KEY, alone, own(batch, 1))
    for one, other in zip(*map(optree.tree_leaves, (member(state, 1), alone)), strict=True):
        torch.testing.assert_close(one, other)
    assert not equal(member(state.params, 0), member(state.params, 1))


def test_members_start_from_weights_of_their_own():
    first, second, third = ensemble().init(KEY, DATA).params["layers"][0]["weight"]
    assert not torch.isclose(first, second).any()
    assert not torch.isclose(second, third).any()


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_std_starts_between_its_bounds(scale):
    proxy = ensemble(members=5, hidden=(16, 16))
    _, std = proxy.predict_members(proxy.init(KEY, DATA), scale * DATA.x)
    assert std.shape == (5, 90)
    assert std.min() >= 0.1 - 1e-6
    assert std.max() <= 0.3 + 1e-6


@pytest.mark.parametrize(("bounds", "moves"), [("trained", True), ("frozen", False)])
def test_the_bounds_are_weights_that_training_moves(bounds, moves):
    proxy = ensemble(bounds=bounds)
    state = proxy.init(KEY, DATA)
    after, _ = proxy.step(KEY, state, PLAIN)
    for name, start in (("upper", math.log(0.2)), ("lower", math.log(0.1))):
        assert state.params[name].tolist() == pytest.approx([start] * 3)
        assert ((after.params[name] != state.params[name]) == moves).all()


def test_the_prediction_is_that_of_the_mixture():
    proxy = ensemble()
    state = proxy.init(KEY, DATA)
    mean, std = proxy.predict_members(state, DATA.x)
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(90, 3)), Normal(mean.T, std.T)
    )
    prediction = proxy.predict(state, DATA.x)
    torch.testing.assert_close(prediction.mean, mixture.mean)
    torch.testing.assert_close(prediction.std, mixture.stddev)


LETTERS = encode_table(OneHot(), (0,), small_task("discrete", rows=60).table).first


def test_an_embedding_is_trained_for_each_member():
    proxy = ensemble(embedding=6)
    state = proxy.init(KEY, LETTERS)
    batch = Batch(LETTERS.x, LETTERS.y, torch.ones(60))
    after, info = proxy.step(KEY, state, batch)
    classes = LETTERS.space.shape[-1]
    assert after.params["embedding"].shape == (3, classes, 6)
    assert (after.params["embedding"] != state.params["embedding"]).flatten(1).any(1).all()
    assert not torch.equal(*state.params["embedding"][:2])
    assert proxy.model(after).loss(after.params, batch) < info["loss"]


def test_only_one_hot_designs_are_embedded():
    assert ensemble(embedding=6).schedule(LETTERS) == ensemble().schedule(LETTERS)
    with pytest.raises(TaskError, match="embedding=6 needs one-hot designs"):
        ensemble(embedding=6).schedule(DATA)
