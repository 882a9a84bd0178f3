"""On a quadratic of ten coordinates the overestimation is held at its limit where that binds."""

from __future__ import annotations

from typing import NamedTuple

import optree
import pytest
import torch
from mbo_coms.adversary import DesignAscent
from mbo_coms.proxy import Conservative
from mbo_grad_ascent.update import GradientAscent
from torch import Tensor
from torch.func import vmap

from mbo_core.functional import batches, keys, precision
from mbo_core.stages import Batch, Data, EncodedSpace, Mined, NoAdversary

pytestmark = pytest.mark.slow
EPOCH = 5
LIMITS = torch.tensor([0.1, 0.5, 2.0])
# Half as many steps as published, twice as long, which changes nothing here but the time.
MINE = DesignAscent(steps=25, step_size=0.1)


class Trained(NamedTuple):
    """One column a limit: of each step, and of the state."""

    overestimation: Tensor
    multiplier: Tensor
    state: object


def proxy(adversary, **options) -> Conservative:
    return Conservative(adversary=adversary, hidden=(128, 128), epochs=60, held_out=0, **options)


def standardised(values):
    return (values - values.mean(0)) / values.std(0, correction=0)


@pytest.fixture(scope="module")
def data() -> Data:
    x = keys.normal(keys.key(11), (1000, 10))
    y = -(x**2).sum(1)
    worst = y.argsort()[:600]
    x, y = (standardised(each[worst]) for each in (x, y))
    return Data(x, y, EncodedSpace("continuous", (10,), None, "real", x.amin(0), x.amax(0)))


def rows(data):
    return batches.iterate(keys.key(2), data, proxy(MINE).schedule(data))


@pytest.fixture(scope="module")
def trained(data) -> Trained:
    """All limits at once, stacked as seeds are."""
    start = proxy(MINE).init(keys.key(1), data)
    states = optree.tree_map(lambda leaf: torch.stack([leaf] * 3), start)

    def step(limit, state, batch):
        return proxy(MINE, overestimation_limit=limit).step(keys.key(0), state, batch)

    infos = []
    with precision.fast_products():
        for batch in rows(data):
            states, info = vmap(step, in_dims=(0, 0, None), randomness="error")(LIMITS, states, batch)
            infos.append((info["overestimation"], info["multiplier"]))
    return Trained(*(torch.stack(column) for column in zip(*infos, strict=True)), states)


@pytest.fixture(scope="module")
def control(data):
    """Plain regression: with a multiplier of 0 mining changes nothing, so it is left out."""
    plain = proxy(NoAdversary(), initial_multiplier=0.0)
    state = plain.init(keys.key(1), data)
    for batch in rows(data):
        state, _ = plain.step(keys.key(0), state, batch)
    return state


def opened(state, data) -> float:
    """How far mining moves the prediction over all rows."""
    model = proxy(MINE).model(state)
    batch = Batch(data.x, data.y, torch.ones_like(data.y))
    mined, _ = MINE.mine(keys.key(0), (), model, Mined(state.params, data.x), batch)
    return float((model.predict(state.params, mined.x).mean - model.predict(state.params, data.x).mean).mean())


def gain(state, data) -> float:
    """How far the search moves the prediction of the best rows."""
    search = GradientAscent(proxy=proxy(MINE), steps=MINE.steps, step_size=MINE.step_size)
    current, predicted = search.init(keys.key(0), data, state), []
    for _ in range(MINE.steps + 1):
        current, info = search.step(keys.key(0), current, data, 0)
        predicted.append(float(info["predicted"]))
    return predicted[-1] - predicted[0]


def of(trained: Trained, column: int):
    return optree.tree_map(lambda leaf: leaf[column], trained.state)


@pytest.mark.parametrize("column", [0, 1])
def test_binding_limit_keeps_overestimation_near_it(trained, column):
    assert trained.overestimation[-EPOCH:, column].mean().item() == pytest.approx(LIMITS[column].item(), rel=0.3)
    assert trained.multiplier[-1, column] > 0.1


def test_slack_limit_lets_the_multiplier_decay(trained):
    """Where the limit does not bind, the overestimation stays below it."""
    assert (trained.overestimation[:, 2] < LIMITS[2]).all()
    assert trained.multiplier[-1, 2] < 0.03
    assert (trained.multiplier[:, 2].diff() < 0).all()


def test_multiplier_falls_first_and_then_rises(trained):
    """It falls while the network is flat."""
    lowest = trained.multiplier[:, 1].argmin()
    assert 0 < lowest < 200
    assert trained.multiplier[lowest, 1] < 0.09
    assert trained.multiplier[-1, 1] > 0.2


def test_the_tighter_the_limit_the_higher_the_multiplier(trained):
    assert (trained.multiplier[-1].diff() < 0).all()


def test_looser_limit_predicts_larger_gain(trained, control, data):
    states = [*(of(trained, column) for column in range(3)), control]
    for measure in (gain, opened):
        found = torch.tensor([measure(state, data) for state in states])
        assert (found.diff() > 0.05).all()
