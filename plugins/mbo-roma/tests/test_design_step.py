"""The candidates of `local-adaptation` climb as published, up to the cap, and depend on each other as documented."""

from __future__ import annotations

import math

import optree
import pytest
import torch
from mbo_grad_ascent.update import GradientAscent
from mbo_roma.proxy import Smooth
from mbo_roma.update import LocalAdaptation, capped

from mbo_core.functional import keys
from mbo_core.functional.optim import Adam
from mbo_core.stages import Batch, Data, EncodedSpace, NoAdversary

KEY = keys.key(3)
X = keys.normal(keys.key(5), (150, 4))
Y = torch.sin(3 * X[:, 0]) - X[:, 1] ** 2 + 0.3 * X[:, 2]
DATA = Data(X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X[0], X[0]))
WIDE = Data(DATA.x.double(), DATA.y.double(), DATA.space)
SMOOTH = Smooth(adversary=NoAdversary(), hidden=(16, 16), learning_rate=1e-2, input_noise=0.0)
ADAPTATIONS = ["shared", "per-candidate"]


@pytest.fixture(scope="module")
def smooth():
    """A trained state."""
    state = SMOOTH.init(KEY, DATA)
    for _ in range(100):
        state, _ = SMOOTH.step(KEY, state, Batch(DATA.x, DATA.y, torch.ones(150)))
    return state


def update(**options) -> LocalAdaptation:
    return LocalAdaptation(proxy=SMOOTH, **{"candidates": 10, "adaptation_steps": 10, **options})


def begin(stage, state, data=DATA):
    return stage.init(KEY, data, state)


def advance(stage, state, steps=1):
    for _ in range(steps):
        state, info = stage.step(KEY, state, DATA, 0)
    return state, info


def wide(nest):
    return optree.tree_map(lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, nest)


def with_gain(state, gain):
    """The same candidates, as if the trained proxy had predicted `gain` less at their starts."""
    return state._replace(base=SMOOTH.predict(state.proxy, state.x).mean - gain)


@pytest.mark.parametrize("gain", [-1.0, 0.0, 1.0, 4.0, 6.0, 8.0])
def test_the_cap_shrinks_stops_and_reverses_plain_ascent(smooth, gain):
    stage = update(radius=0.0, ascent="plain", step_size=1e-3)
    start = with_gain(begin(stage, wide(smooth), WIDE), gain)
    after, info = advance(stage, start)
    slopes = torch.zeros_like(start.x)
    for coordinate in range(4):
        shift = 1e-5 * torch.eye(4, dtype=torch.float64)[coordinate]
        up, down = (SMOOTH.predict(start.proxy, start.x + way).mean for way in (shift, -shift))
        slopes[:, coordinate] = (up - down) / 2e-5
    torch.testing.assert_close(after.x - start.x, 1e-3 * (1 - gain / 4) * slopes, rtol=1e-4, atol=1e-9)
    assert info["gain"].item() == pytest.approx(gain, abs=1e-6)
    assert info["beyond_cap"] == (gain > 4)


def test_the_released_cap_is_the_published_objective():
    means, base = keys.normal(KEY, (2, 50)).double()
    means.requires_grad_()
    published = -means + (means - base) ** 2 / (2 * 4.0)
    ours = capped(means - base, 4.0) - base
    torch.testing.assert_close(ours, published)
    slope, expected = (torch.autograd.grad(each.sum(), means)[0] for each in (ours, published))
    torch.testing.assert_close(slope, expected)
    torch.testing.assert_close(slope, -(1 - (means - base).detach() / 4))


@pytest.mark.parametrize("cap", ["none", math.inf])
def test_without_cap_and_ball_it_is_gradient_ascent(smooth, cap):
    stage = update(radius=0.0, ascent="plain", step_size=0.02, gain_cap=cap)
    state, info = advance(stage, with_gain(begin(stage, smooth), 100.0), 10)
    plain = GradientAscent(proxy=SMOOTH, candidates=10, step_size=0.02 / 2)
    other, _ = advance(plain, plain.init(KEY, DATA, smooth), 10)
    torch.testing.assert_close(state.x, other.x)
    assert info["beyond_cap"] == 0


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_a_radius_of_0_leaves_the_trained_proxy(smooth, adaptation):
    stage = update(radius=0.0, adaptation=adaptation)
    start = begin(stage, smooth)
    torch.testing.assert_close(stage.means(start, stage.adapt(start), start.x), SMOOTH.predict(smooth, start.x).mean)
    _, info = advance(stage, start)
    assert info["displacement"] == 0
    assert info["gradient_norm_after"].item() == pytest.approx(info["gradient_norm_before"].item())


def test_adam_keeps_its_moments_over_all_steps(smooth):
    stage = update(radius=0.0, step_size=0.01)
    state, adam = begin(stage, smooth), Adam(0.01)
    x, moments = state.x, adam.init(state.x)
    for step in range(1, 6):
        state, _ = advance(stage, state)
        asked = x.clone().requires_grad_()
        gain = SMOOTH.predict(smooth, asked).mean - state.base
        [slope] = torch.autograd.grad((-gain + gain**2 / 8).sum(), asked)
        x, moments = adam.step(x, slope, moments)
        torch.testing.assert_close(state.x, x, rtol=0, atol=1e-4)
        assert state.moments.steps == step


def test_plain_ascent_keeps_no_moments(smooth):
    stage = update(ascent="plain")
    assert advance(stage, begin(stage, smooth), 2)[0].moments == ()


@pytest.mark.parametrize("ascent", ["adam", "plain"])
@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_permuted_candidates_end_up_permuted(smooth, adaptation, ascent):
    stage = update(adaptation=adaptation, ascent=ascent)
    start, order = begin(stage, smooth), keys.permutation(KEY, 10)
    permuted = start._replace(x=start.x[order], target=start.target[order], base=start.base[order])
    (one, _), (other, _) = (advance(stage, each, 3) for each in (start, permuted))
    torch.testing.assert_close(other.x, one.x[order], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("adaptation", "coupled"), [("shared", True), ("per-candidate", False)])
def test_only_shared_adaptation_couples_candidates(smooth, adaptation, coupled):
    stage = update(adaptation=adaptation, ascent="plain", radius=0.05)
    start = begin(stage, smooth)
    other = start._replace(x=torch.cat([start.x[:9], -start.x[9:]]))
    (one, _), (changed, _) = (advance(stage, each) for each in (start, other))
    assert torch.allclose(one.x[:9], changed.x[:9], rtol=0, atol=1e-7) != coupled


def test_one_candidate_is_adapted_alike_in_both_ways(smooth):
    found = [
        advance(stage, begin(stage, smooth), 3)[0].x
        for stage in (update(adaptation=adaptation, candidates=1) for adaptation in ADAPTATIONS)
    ]
    torch.testing.assert_close(*found)
