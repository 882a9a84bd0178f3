"""`design-ascent` climbs from the data by plain gradient steps, keeps nothing and leaves no gradient behind."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from mbo_coms.adversary import DesignAscent
from mbo_grad_ascent.proxy import Regression
from mbo_grad_ascent.update import GradientAscent

from mbo_core.functional import keys
from mbo_core.stages import Batch, Data, EncodedSpace, Mined, Model, NoAdversary, Prediction, SoftLogits
from mbo_core.stages.projection import Projection
from mbo_core.tasks import Space, Task

KEY = keys.key(3)
X = keys.normal(keys.key(5), (128, 4))
Y = -(X**2).sum(1)
DATA = Data(
    X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X.amin(0), X.amax(0))
)
NET = Regression(adversary=NoAdversary(), hidden=(16,))
PARAMS = NET.init(KEY, DATA).params


def model(score):
    return Model(lambda params, x: Prediction(score(params, x), x.new_zeros(len(x))), lambda params, batch: None)


def mine(x, score=None, params=PARAMS, **options):
    """Where the adversary takes the designs x, by a score of (params, x) or by a small network."""
    batch = Batch(x, torch.zeros(len(x)), torch.ones(len(x)))
    climbed = model(score) if score else NET.model(())
    return DesignAscent(**options).mine(KEY, (), climbed, Mined(params, x), batch)


@pytest.mark.parametrize("steps", [0, 1, 50])
def test_linear_model_is_climbed_straight(steps):
    slope = torch.tensor([1.0, -2.0, 0.5, 0.0])
    start = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, -1.0, 0.0, 0.5]])
    # Powers of two, so that nothing is rounded; the root of 4 coordinates is 2.
    mined, _ = mine(start, lambda w, x: x @ w, slope, steps=steps, step_size=0.25)
    assert torch.equal(mined.x, start + steps * 0.5 * slope)


def test_a_concave_quadratic_is_climbed_geometrically():
    curvature, top = torch.tensor([0.5, 1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, -1.0, 2.0])
    mined, _ = mine(X, lambda k, x: -0.5 * ((x - top) ** 2 * k).sum(1), curvature, steps=50, step_size=0.05)
    torch.testing.assert_close(mined.x, top + (1 - 0.1 * curvature) ** 50 * (X - top))


def test_each_move_ends_in_the_space():
    """The bound is at 1; designs that go beyond it before they are projected fall far below."""
    space = replace(DATA.space, projection=Projection(torch.full((4,), -torch.inf).double(), torch.ones(4).double()))
    batch = Batch(torch.zeros(1, 4), torch.zeros(1), torch.ones(1), space)
    steep = model(lambda w, x: torch.where(x.detach() > 1.5, -10 * x, x).sum(1))
    mined, _ = DesignAscent(steps=4, step_size=0.5).mine(KEY, (), steep, Mined((), batch.x), batch)
    assert torch.equal(mined.x, torch.ones(1, 4))


def test_without_steps_the_designs_stay():
    mined, _ = mine(X, steps=0)
    assert torch.equal(mined.x, X)


@pytest.mark.parametrize(("weight", "alone"), [(0.0, True), (0.9, False)])
def test_permuted_designs_end_up_permuted(weight, alone):
    order = keys.permutation(keys.key(9), 128)
    (mined, _), (permuted, _) = (mine(x, steps=10, entropy_weight=weight) for x in (X, X[order]))
    assert torch.allclose(permuted.x, mined.x[order], atol=1e-5) == alone


def test_the_entropy_does_not_move_a_single_design():
    (with_entropy, _), (without, _) = (mine(X[:1], steps=10, entropy_weight=weight) for weight in (0.9, 0.0))
    assert torch.equal(with_entropy.x, without.x)


def test_leaves_no_gradient_and_unchanged_weights():
    params = tuple({name: weight.clone().requires_grad_() for name, weight in layer.items()} for layer in PARAMS)
    start = X.clone().requires_grad_()
    mined, _ = mine(start, params=params, steps=3)
    assert not mined.x.requires_grad
    assert mined.params is params
    assert start.grad is None
    for layer, before in zip(params, PARAMS, strict=True):
        for name, weight in layer.items():
            assert weight.requires_grad
            assert weight.grad is None
            assert torch.equal(weight, before[name])


def test_keeps_no_state_and_starts_from_data():
    adversary = DesignAscent(steps=5)
    state, ends = adversary.init(KEY, DATA), []
    for x in (X, X + 1, X):
        mined, state = adversary.mine(KEY, state, NET.model(()), Mined(PARAMS, x), Batch(x, Y, torch.ones(128)))
        ends.append(mined.x)
    assert state == ()
    assert torch.equal(ends[0], ends[2])
    assert not torch.allclose(ends[0], X)


def test_it_moves_as_the_search_does():
    state = NET.init(KEY, DATA)
    update = GradientAscent(proxy=NET, steps=50, step_size=0.05)
    search = update.init(KEY, DATA, state)
    mined, _ = mine(search.x, steps=50, step_size=0.05)
    for _ in range(update.length(DATA)):
        search, _ = update.step(KEY, search, DATA, 0)
    torch.testing.assert_close(mined.x, update.designs(search))


LETTERS = torch.tensor([[1, 2, 3, 0, 1, 2, 3, 0]])
ENCODING = SoftLogits(standardise=False)
STATE = ENCODING.init(KEY, Task("letters", LETTERS.numpy(), [0.0], space=Space.discrete(8, 4), replicates="keep").table)
LOGITS = ENCODING.encode(STATE, LETTERS)


def test_the_step_counts_the_coordinates_of_the_encoding():
    assert ENCODING.shape(STATE) == (8, 3)
    mined, _ = mine(LOGITS, lambda w, x: x @ w, torch.ones(24), steps=1, step_size=2.0)
    torch.testing.assert_close(mined.x, LOGITS + 9.798, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("move", "letter"), [(math.log(7) - 1e-3, 1), (math.log(7) + 1e-3, 3)])
def test_letter_changes_after_logit_moves_ln_seven(move, letter):
    # The first three logits are those of the letters 1, 2 and 3 at the first position, where a 1 stands.
    moved = LOGITS + move * torch.eye(24)[2]
    assert ENCODING.decode(STATE, moved)[0].tolist() == [letter, *LETTERS[0, 1:].tolist()]


@pytest.mark.parametrize(("step_size", "changed"), [(0.05, 0), (2.0, 6)])
def test_only_the_discrete_step_size_changes_letters(step_size, changed):
    # A slope of 0.1 towards the letter 3, which stands at two of the eight positions already.
    slope = torch.tensor([0.0, 0.0, 0.1] * 8)
    mined, _ = mine(LOGITS, lambda w, x: x @ w, slope, steps=50, step_size=step_size)
    assert (ENCODING.decode(STATE, mined.x) != LETTERS).sum() == changed
