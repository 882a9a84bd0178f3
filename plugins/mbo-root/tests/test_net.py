"""The network's training, its average and its learning rate."""

from __future__ import annotations

import math

import optree
import pytest
import torch
from mbo_root.bridge import examples
from mbo_root.net import SMALLEST, Plateau, apply, loss_of

from mbo_core.functional import keys

KEY = keys.key(4)


def flat(weights):
    return torch.cat([leaf.flatten() for leaf in optree.tree_leaves(weights)])


def test_it_learns_the_way_from_the_high_end(trainer, pairs):
    each = trainer(rate=3e-2)
    state = each.init(KEY, 4)
    test = examples(keys.key(9), pairs, 0.0)
    before = loss_of(state.weights, test)
    for number in range(20):
        state, _ = each.fit(state, examples(keys.fold_in(KEY, number), pairs, 0.15))
    assert loss_of(state.weights, test) < 0.6 * before


def test_initial_weights_are_small_normal_ones(trainer):
    weights = trainer().init(KEY, 100).weights
    assert weights[0]["weight"].shape == (103, 16)
    assert weights[0]["weight"].std() == pytest.approx(0.02, rel=0.1)
    assert all((layer["bias"] == 0).all() for layer in weights)


def test_the_hidden_layers_are_swish(trainer):
    weights = trainer().init(KEY, 2).weights
    h = torch.tensor([[0.3, -0.2, 0.5, 2.0, 1.0]]) @ weights[0]["weight"]
    wanted = (h / (1 + torch.exp(-h))) @ weights[1]["weight"]
    given = apply(weights, torch.tensor([[0.3, -0.2]]), torch.tensor([0.5]), torch.tensor([[2.0, 1.0]]))
    assert torch.allclose(given, wanted)


def test_no_average_is_the_last_weights(trainer, pairs):
    state, _ = trainer(decay=0.0).fit(trainer().init(KEY, 4), examples(KEY, pairs, 0.0))
    assert torch.equal(flat(state.average), flat(state.weights))


def test_the_average_takes_every_eighth_step(trainer, pairs):
    """Of ten steps the first three are not averaged, and the eighth is."""
    each, seen = trainer(decay=0.75, average_from=4), examples(KEY, pairs, 0.0)
    state, trace = each.init(KEY, 4), []
    for _ in range(10):
        state, _ = each.fit(state, seen.part(slice(32)))
        trace.append((flat(state.weights), flat(state.average)))
    third, eighth = trace[2][0], trace[7][0]
    assert torch.equal(trace[2][1], third)
    assert torch.equal(trace[6][1], third)
    assert torch.allclose(trace[9][1], 0.75 * third + 0.25 * eighth, atol=1e-7)


def test_the_rate_is_halved_once_after_patience():
    plateau, rates = Plateau(1.0, best=0.5), []
    for _ in range(12):
        plateau = plateau.after(0.6, patience=3)
        rates.append(plateau.rate)
    # Four bad steps, a rest of three, four bad steps.
    assert rates == [1.0] * 3 + [0.5] * 7 + [0.25] * 2


def test_a_falling_loss_keeps_the_rate():
    plateau = Plateau(1.0)
    for number in range(50):
        plateau = plateau.after(0.9**number, patience=3)
    assert plateau.rate == 1.0
    assert math.isclose(plateau.best, 0.9**49)


def test_the_rate_has_a_smallest_value():
    plateau = Plateau(SMALLEST, best=0.0)
    for _ in range(10):
        plateau = plateau.after(1.0, patience=2)
    assert plateau.rate == SMALLEST
