"""`transport` trains, then samples; the best visible score is the highest that it knows."""

from __future__ import annotations

from dataclasses import replace

import optree
import pytest
import torch
from mbo_root.update import Transport, scores_of

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages import Projection, top

KEY = keys.key(3)


def leaves(state):
    return [leaf for leaf in optree.tree_leaves(state) if isinstance(leaf, torch.Tensor)]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))


def test_training_touches_only_the_network(made, data, taken):
    update, state = made()
    after, infos = taken(update, state, data, 2)
    assert torch.equal(update.designs(after), top(data, 10))
    assert same(after.process, state.process)
    assert same(after.bridges, state.bridges)
    assert not same(after.training.weights, state.training.weights)
    assert [float(info["time"]) for info in infos] == [1.0, 1.0]


def test_sampling_leaves_the_network(made, data, taken):
    update, state = made()
    trained, _ = taken(update, state, data, 2)
    after, infos = taken(update, state, data, 7)
    assert same(trained.training, after.training)
    assert [float(info["time"]) for info in infos[2:]] == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0], abs=1e-6)
    assert float(infos[-1]["distance"]) > 0


def test_phases_follow_from_the_number_alone(made, data, taken):
    """More sampling steps after it do not change the training."""
    update, state = made()
    longer, _ = made(steps=50)
    assert same(taken(update, state, data, 2)[0].training, taken(longer, state, data, 2)[0].training)
    assert update.length(data) == 7
    assert longer.length(data) == 52


@pytest.mark.parametrize("randomness", [0.0, 0.2, 1.0])
def test_the_perfect_network_finds_the_high_end(made, data, monkeypatch, randomness):
    update, state = made(epochs=0, steps=20, randomness=randomness)
    high = state.x + 3.0
    monkeypatch.setattr(Transport, "away", lambda self, weights, bridges, x, time: x - high)
    for number in range(20):
        state, _ = update.step(keys.fold_in(KEY, number), state, data, number)
    assert torch.allclose(update.designs(state), high, atol=1e-5)


def test_sampling_starts_from_the_low_end(made):
    _, state = made()
    assert torch.equal(state.bridges.at, state.bridges.low)


@pytest.mark.parametrize("target", [0.0, 0.8, 1.0])
def test_the_wanted_score_is_a_visible_one(made, data, target):
    _, state = made(target=target)
    wanted, own = state.bridges.conditions.unbind(1)
    assert torch.allclose(wanted, target * data.y.amax())
    assert torch.equal(own, torch.sort(data.y, descending=True).values[:10])


def test_swapped_scores_and_guidance(made, data):
    _, state = made()
    weights, bridges, x = state.training.weights, state.bridges, state.x
    plain, swapped = (made(swapped=each)[0].away(weights, bridges, x, 0.5) for each in (False, True))
    flipped = bridges._replace(conditions=bridges.conditions.flip(1))
    assert torch.equal(made()[0].away(weights, flipped, x, 0.5), swapped)
    assert not torch.equal(plain, swapped)
    hidden = bridges._replace(conditions=torch.zeros_like(bridges.conditions))
    without = made()[0].away(weights, hidden, x, 0.5)
    guided = made(guidance=-1.5)[0].away(weights, bridges, x, 0.5)
    assert torch.allclose(guided, 1.5 * without - 0.5 * plain, atol=1e-6)


def test_hidden_scores_do_not_reach_the_network(made, data, taken):
    update, state = made(dropped=1.0)
    pairs = update.pairs(KEY, state.process, data)
    others = pairs._replace(y_low=pairs.y_low - 1, y_high=pairs.y_high + 1)
    found = []
    for each in (pairs, others):
        object.__setattr__(update, "pairs", lambda *_, each=each: each)
        found.append(taken(update, state, data, 1)[0].training)
    assert same(*found)


def test_too_few_pairs_train_nothing(made, data, taken):
    update, state = made(step_size=0.0)
    after, infos = taken(update, state, data, 7)
    assert same(after.training, state.training)
    assert [float(infos[-1][name]) for name in ("pairs", "few_pairs")] == [0.0, 1.0]


def test_candidates_stay_in_the_space(made, data, taken):
    half = torch.full((4,), 0.5, dtype=torch.float64)
    boxed = replace(data, space=replace(data.space, projection=Projection(-half, half)))
    update, _ = made()
    state, _ = update.init(KEY, boxed, ())
    for steps in range(3, 8):
        assert taken(update, state, boxed, steps)[0].x.abs().max() <= 0.5


def test_designs_of_a_person_get_the_nearest_score(data):
    order = torch.sort(data.y, descending=True).indices
    assert torch.equal(scores_of(data.x[order] + 1e-4, data), data.y[order])


def test_repeated_rows_count_as_the_best(data):
    twice = replace(data, x=data.x[[0, 0, 1]], y=torch.tensor([1.0, 2.0, 0.0]), w=torch.ones(3))
    assert scores_of(data.x[:1], twice).tolist() == [2.0]


def test_fewer_rows_than_candidates_are_refused(made, data):
    with pytest.raises(TaskError, match="fewer than 128 candidates"):
        made()[0].__class__(candidates=128).check(data)
