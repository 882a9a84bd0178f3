"""`local-adaptation` re-tunes the trained weights at the candidates, climbs with a cap, and changes nothing else."""

from __future__ import annotations

import optree
import pytest
import torch
from mbo_grad_ascent.proxy import Ensemble, Regression
from mbo_roma.proxy import Smooth
from mbo_roma.update import LocalAdaptation

from mbo_core.functional import keys
from mbo_core.functional.nets import gaussian_nll
from mbo_core.stages import Batch, Data, EncodedSpace, NoAdversary

KEY = keys.key(3)
X = keys.normal(keys.key(5), (150, 4))
Y = torch.sin(3 * X[:, 0]) - X[:, 1] ** 2 + 0.3 * X[:, 2]
DATA = Data(X, (Y - Y.mean()) / Y.std(correction=0), EncodedSpace("continuous", (4,), None, "real", X[0], X[0]))
WIDE = Data(DATA.x.double(), DATA.y.double(), DATA.space)
ROWS = Batch(DATA.x, DATA.y, torch.ones(150))

SMOOTH = Smooth(adversary=NoAdversary(), hidden=(16, 16), learning_rate=1e-2, input_noise=0.0)
REGRESSION = Regression(adversary=NoAdversary(), hidden=(16, 16), activation="softplus", learning_rate=1e-2)
ENSEMBLE = Ensemble(adversary=NoAdversary(), hidden=(16,), activation="softplus", members=3, learning_rate=1e-2)
ADAPTATIONS = ["shared", "per-candidate"]


def trained(proxy, steps=120):
    state = proxy.init(KEY, DATA)
    for _ in range(steps):
        state, _ = proxy.step(KEY, state, ROWS)
    return state


@pytest.fixture(scope="module")
def states():
    return {proxy.name: trained(proxy) for proxy in (SMOOTH, REGRESSION, ENSEMBLE)}


@pytest.fixture(scope="module")
def smooth(states):
    return states["smooth"]


def update(proxy=SMOOTH, **options) -> LocalAdaptation:
    return LocalAdaptation(proxy=proxy, **{"candidates": 10, "adaptation_steps": 10, **options})


def begin(stage, state, data=DATA):
    return stage.init(KEY, data, state)


def advance(stage, state, steps=1):
    for _ in range(steps):
        state, info = stage.step(KEY, state, DATA, 0)
    return state, info


def wide(nest):
    return optree.tree_map(lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, nest)


def same(one, other) -> bool:
    return all(map(torch.equal, optree.tree_leaves(one), optree.tree_leaves(other)))


def roughness(proxy, params, x):
    """The mean norm of the input gradient, by plain autograd."""
    x = x.clone().requires_grad_()
    [slopes] = torch.autograd.grad(proxy.model(()).predict(params, x).mean.sum(), x, create_graph=True)
    return slopes.norm(dim=1).mean()


def objective(stage, params, state):
    """L of the released code, written out."""
    prediction = SMOOTH.model(()).predict(params, state.x)
    consistency = gaussian_nll(prediction, state.target).mean()
    return (roughness(SMOOTH, params, state.x) + stage.consistency_weight * consistency).item()


# What the search starts from, and leaves alone.


@pytest.mark.parametrize(("first_target", "expected"), [("labels", "y"), ("prediction", "f")])
def test_the_first_targets(smooth, first_target, expected):
    # Ties go by row.
    tied = Data(DATA.x, torch.where(torch.arange(150) % 3 == 0, 2.0, DATA.y), DATA.space)
    stage = update(first_target=first_target)
    state = stage.init(KEY, tied, smooth)
    best = sorted(range(150), key=lambda row: -tied.y[row].item())[:10]
    predicted = SMOOTH.predict(smooth, tied.x[best]).mean
    assert torch.equal(state.x, tied.x[best])
    assert torch.equal(stage.designs(state), state.x)
    assert torch.equal(state.target, {"y": tied.y[best], "f": predicted}[expected])
    assert torch.equal(state.base, predicted)


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
@pytest.mark.parametrize("name", ["smooth", "regression", "ensemble"])
def test_the_trained_proxy_is_kept_to_the_bit(states, name, adaptation):
    proxy = {one.name: one for one in (SMOOTH, REGRESSION, ENSEMBLE)}[name]
    before = optree.tree_map(torch.clone, states[name])
    stage = update(proxy, adaptation=adaptation, consistency="squared")
    start = begin(stage, states[name])
    after, _ = advance(stage, start, 5)
    assert same(after.proxy, before)
    assert same(states[name], before)
    assert torch.equal(after.base, start.base)
    assert not torch.isclose(after.x, start.x).any(1).all()


def test_targets_are_adapted_predictions_at_new_designs(smooth):
    stage = update()
    start = begin(stage, smooth)
    after, _ = advance(stage, start)
    adapted = stage.adapt(start)
    assert torch.equal(after.target, SMOOTH.model(smooth).predict(adapted, after.x).mean)
    assert not torch.isclose(after.target, SMOOTH.predict(smooth, after.x).mean).any()


# The adaptation.


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("adaptation", ADAPTATIONS)
@pytest.mark.parametrize("radius", [5e-4, 5e-2])
def test_adapted_weights_stay_in_the_ball(smooth, radius, adaptation, biases):
    stage = update(radius=radius, adaptation=adaptation, biases=biases)
    # Every step starts from the trained weights, not from those of the step before.
    state, info = advance(stage, begin(stage, smooth), 4)
    adapted = stage.adapt(state)
    for before, after in zip(smooth.params["layers"], adapted["layers"], strict=True):
        for name in ("weight", "bias"):
            trailing = tuple(range(-before[name].ndim, 0))
            ratio = (after[name] - before[name]).double().norm(dim=trailing) / before[name].norm()
            assert ratio.shape == ((10,) if adaptation == "per-candidate" else ())
            assert ratio.max() <= radius * (1 + 1e-6) + 6e-8
            assert (ratio.max() > 0) == (biases or name == "weight")
    assert 0.1 * radius < info["displacement"] <= radius * (1 + 1e-4) + 1e-7


@pytest.mark.parametrize("steps", [1, 100])
@pytest.mark.parametrize("weight", [0.0, 1.0, 10.0])
def test_adapting_lowers_its_objective(smooth, weight, steps):
    stage = update(consistency_weight=weight, adaptation_steps=steps, radius=5e-3)
    start = begin(stage, smooth)
    before, after = (objective(stage, params, start) for params in (smooth.params, stage.adapt(start)))
    assert after < before
    _, info = advance(stage, start)
    assert info["loss"].item() == pytest.approx(after, rel=1e-4)


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_without_consistency_the_proxy_becomes_flatter(smooth, adaptation):
    stage = update(consistency_weight=0.0, adaptation=adaptation)
    start = begin(stage, smooth)
    _, info = advance(stage, start)
    assert info["gradient_norm_before"].item() == pytest.approx(roughness(SMOOTH, smooth.params, start.x).item())
    assert info["gradient_norm_after"] < info["gradient_norm_before"] - 1e-3
    if adaptation == "shared":
        after = roughness(SMOOTH, stage.adapt(start), start.x).item()
        assert info["gradient_norm_after"].item() == pytest.approx(after)


@pytest.mark.parametrize("consistency", ["nll", "squared"])
@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_consistency_holds_the_prediction_at_its_target(smooth, adaptation, consistency):
    def off(weight: float) -> float:
        stage = update(consistency_weight=weight, adaptation=adaptation, consistency=consistency, radius=0.02)
        start = begin(stage, smooth)
        return (stage.means(start, stage.adapt(start), start.x) - start.target).abs().mean().item()

    assert off(100.0) < 0.8 * off(0.0)


def test_only_the_likelihood_uses_the_std(smooth):
    # At targets that are met, squared consistency has no slope; the likelihood has one in the std.
    found = {}
    for consistency in ("nll", "squared"):
        stage = update(consistency=consistency, consistency_weight=1e6, adaptation_steps=1, first_target="prediction")
        adapted = stage.adapt(begin(stage, smooth))
        change = [after["weight"] - before["weight"] for before, after in _layers(smooth.params, adapted)]
        # The last layer's second output is the std's.
        found[consistency] = (change[-1][:, 1].norm() / change[-1].norm()).item()
    assert found["nll"] > 0.9
    assert found["squared"] == 0


def _layers(before, after):
    return list(zip(before["layers"], after["layers"], strict=True))


def test_the_direction_is_that_of_finite_differences(smooth):
    params = wide(smooth.params)
    stage = update(consistency_weight=0.0, adaptation_steps=1, radius=1e-3, candidates=5)
    start = begin(stage, smooth._replace(params=params), WIDE)
    adapted = stage.adapt(start)
    leaves, structure = optree.tree_flatten(params)
    for place, (before, after) in enumerate(zip(leaves, optree.tree_leaves(adapted), strict=True)):
        if before.ndim == 0:
            continue
        slope = torch.zeros_like(before)
        for index in range(before.numel()):
            ends = []
            for shift in (1e-5, -1e-5):
                moved = before.clone()
                moved.view(-1)[index] += shift
                nest = structure.unflatten([*leaves[:place], moved, *leaves[place + 1 :]])
                ends.append(roughness(SMOOTH, nest, start.x).item())
            slope.view(-1)[index] = (ends[0] - ends[1]) / 2e-5
        expected = -1e-3 * before.norm() * slope / (slope.norm() + 1e-6)
        torch.testing.assert_close(after - before, expected, rtol=0, atol=1e-3 * expected.norm().item() + 1e-12)


# What it needs and tells.


@pytest.mark.parametrize(("consistency", "uncertainty"), [("nll", {"uncertainty"}), ("squared", set())])
def test_a_likelihood_needs_a_spread(consistency, uncertainty):
    assert update(consistency=consistency).needs == {"values", "gradients", "params"} | uncertainty


@pytest.mark.parametrize(
    ("gain_cap", "first_target", "needed"),
    [(4.0, "prediction", "values"), ("none", "labels", "values"), ("none", "prediction", "order")],
)
def test_without_units_it_needs_an_order(gain_cap, first_target, needed):
    stage = update(gain_cap=gain_cap, first_target=first_target, consistency="squared")
    assert stage.needs == {needed, "gradients", "params"}


def test_each_ensemble_member_has_its_own_ball(states):
    stage = update(ENSEMBLE, radius=0.02)
    start = begin(stage, states["ensemble"])
    adapted = stage.adapt(start)
    for before, after in _layers(start.proxy.params, adapted):
        change = (after["weight"] - before["weight"]).flatten(1).norm(dim=1) / before["weight"].flatten(1).norm(dim=1)
        assert change.shape == (3,)
        assert (change > 0.002).all()
        assert (change <= 0.02 * (1 + 1e-4)).all()
    assert torch.equal(adapted["upper"], start.proxy.params["upper"])


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
@pytest.mark.parametrize("ascent", ["adam", "plain"])
def test_the_info_is_one_number_a_name(smooth, ascent, adaptation):
    stage = update(ascent=ascent, adaptation=adaptation)
    _, info = advance(stage, begin(stage, smooth))
    names = ["loss", "gradient_norm_before", "gradient_norm_after", "gain", "beyond_cap", "displacement"]
    assert list(info) == names
    assert all(value.shape == () and torch.isfinite(value) for value in info.values())


def test_it_climbs(smooth):
    stage = update(step_size=0.02)
    start = begin(stage, smooth)
    state, info = advance(stage, start, 30)
    assert stage.length(DATA) == 500
    assert (SMOOTH.predict(smooth, state.x).mean - start.base).mean() > 0.1
    assert info["gain"] > 0.1
