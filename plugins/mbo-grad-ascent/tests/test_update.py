"""`gradient-ascent` climbs what it says it climbs, from the best rows of the data."""

from __future__ import annotations

import pytest
import torch
from mbo_grad_ascent.proxy import Ensemble
from mbo_grad_ascent.update import GradientAscent

from mbo_core.functional import batches, keys
from mbo_core.stages import Data, EncodedSpace, NoAdversary, Schedule

KEY = keys.key(3)
X = keys.normal(keys.key(5), (300, 4))
Y = -(X**2).sum(1)
DATA = Data(
    X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X.amin(0), X.amax(0))
)
AGGREGATIONS = ["mean", "min", "one", "mean-as-published"]


def linear(*members):
    """An ensemble without hidden layers, whose members are a + w . x for each (a, w)."""
    proxy = Ensemble(adversary=NoAdversary(), members=len(members), hidden=())
    bias = torch.tensor([[a, 0.0] for a, _ in members])
    weight = torch.tensor([[[one, 0.0] for one in w] for _, w in members])
    state = proxy.init(KEY, DATA)
    return proxy, state._replace(params={**state.params, "layers": ({"weight": weight, "bias": bias},)})


def moved(aggregation, members, x):
    """Where one step of length 1 takes the designs from."""
    proxy, state = linear(*members)
    update = GradientAscent(proxy=proxy, step_size=x.shape[1] ** -0.5, aggregation=aggregation)
    start = update.init(KEY, DATA, state)._replace(x=x)
    return update.step(KEY, start, DATA, 0)[0].x - x


# Each member is the smallest at one of the designs.
MEMBERS = ((0.0, (1.0, 0.0)), (0.0, (-1.0, 0.0)), (5.0, (0.0, 1.0)))
DESIGNS = torch.tensor([[-3.0, 0.0], [2.0, 0.0], [1.0, -9.0]])
SMALLEST = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("aggregation", "directions"),
    [
        ("mean", [[0.0, 1 / 3]] * 3),
        ("min", SMALLEST),
        ("mean-as-published", SMALLEST),
        ("one", [[1.0, 0.0]] * 3),
    ],
)
def test_each_aggregation_climbs_its_members(aggregation, directions):
    torch.testing.assert_close(moved(aggregation, MEMBERS, DESIGNS), torch.tensor(directions))


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_with_one_member_all_aggregations_agree(aggregation):
    torch.testing.assert_close(moved(aggregation, [(2.0, (1.0, -2.0))], DESIGNS), torch.tensor([[1.0, -2.0]] * 3))


def test_members_that_tie_share_the_gradient():
    start = torch.zeros(1, 2)
    assert torch.equal(moved("min", [(0.0, (1.0, 2.0)), (0.0, (-1.0, 0.0))], start), torch.tensor([[0.0, 1.0]]))


def scores(proxy, state, x):
    return {name: GradientAscent(proxy=proxy, aggregation=name).prediction(state, x).mean for name in AGGREGATIONS}


def test_aggregations_are_ordered():
    """The smallest member is below the mean, and the mean below the largest."""
    proxy = Ensemble(adversary=NoAdversary(), hidden=(16,))
    state = proxy.init(KEY, DATA)
    found, members = scores(proxy, state, DATA.x), proxy.predict_members(state, DATA.x).mean
    assert (found["min"] < found["mean"]).all()
    assert (found["mean"] < members.amax(0)).all()
    assert torch.equal(found["min"], members.amin(0))
    assert torch.equal(found["min"], found["mean-as-published"])
    torch.testing.assert_close(found["mean"], members.mean(0))


@pytest.mark.parametrize(
    ("aggregation", "needs"),
    [("mean", {"order", "gradients"})] + [(one, {"order", "gradients", "members"}) for one in AGGREGATIONS[1:]],
)
def test_the_aggregation_says_what_it_needs(aggregation, needs):
    proxy, _ = linear((0.0, (1.0,)))
    assert GradientAscent(proxy=proxy, aggregation=aggregation).needs == needs


def test_adam_climbs_by_its_rule():
    proxy, state = linear((0.0, (0.5, -1.0, 0.0, 2.0)))
    update = GradientAscent(proxy=proxy, optimiser="adam", step_size=0.1, candidates=5)
    current = update.init(KEY, DATA, state)
    x = current.x.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=0.1, eps=1e-7)
    for number in range(7):
        adam.zero_grad()
        (-proxy.predict(state, x).mean.sum()).backward()
        adam.step()
        current, _ = update.step(KEY, current, DATA, number)
    torch.testing.assert_close(current.x, x.detach())


def test_starts_are_the_best_rows():
    proxy, state = linear((0.0, (0.0,) * 4))
    starts = GradientAscent(proxy=proxy).init(KEY, DATA, state).x
    best = sorted(range(300), key=lambda row: -DATA.y[row].item())[:128]
    assert torch.equal(starts, DATA.x[best])


@pytest.mark.parametrize("step_size", [0.01, 0.5])
def test_linear_proxy_is_climbed_straight(step_size):
    slope = (0.5, -1.0, 0.0, 2.0)
    proxy, state = linear((7.0, slope), (1.0, slope))
    update = GradientAscent(proxy=proxy, step_size=step_size, candidates=5)
    current = update.init(KEY, DATA, state)
    starts = update.designs(current)
    for _ in range(10):
        current, _ = update.step(KEY, current, DATA, 0)
    torch.testing.assert_close(update.designs(current), starts + 10 * step_size * 2 * torch.tensor(slope))


@pytest.mark.parametrize("aggregation", ["mean", "min"])
def test_small_steps_climb_a_smooth_proxy_without_falling(aggregation):
    proxy = Ensemble(adversary=NoAdversary(), members=3, hidden=(32,), activation="softplus", learning_rate=0.01)
    state = proxy.init(KEY, DATA)
    for batch in batches.iterate(KEY, DATA, Schedule(epochs=20, batch_size=100)):
        state, _ = proxy.step(KEY, state, batch)
    update = GradientAscent(proxy=proxy, step_size=0.01, aggregation=aggregation)
    current, heights = update.init(KEY, DATA, state), []
    for _ in range(20):
        height = update.score(current, current.x)
        current, info = update.step(KEY, current, DATA, 0)
        assert info["predicted"] == height.mean()
        heights.append(height)
    rises = torch.stack(heights).diff(dim=0)
    assert rises.min() > -1e-5
    assert rises.sum(0).mean() > 0.02
