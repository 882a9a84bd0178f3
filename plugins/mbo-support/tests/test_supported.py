"""The proxy that holds a proxy: what it takes from it, and what it discounts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from mbo_gp.proxy import GaussianProcess
from mbo_grad_ascent.proxy import Ensemble, Regression
from mbo_support.proxy import Supported, SupportedGradients
from mbo_tabular.forest import Forest
from torch.func import grad

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.records import Run
from mbo_core.runs.training import train
from mbo_core.stages import Columns, NoAdversary, Prediction, Proxy, Schedule
from mbo_core.testing import resolved, small_task
from mbo_core.testing.nests import assert_close

KEY = keys.key(5)
TASK = small_task("continuous", rows=60)
DATA = encode_table(Columns(), (0,), TASK.table).first
NEW = DATA.x + 2 * keys.normal(KEY, DATA.x.shape)
INNER = GaussianProcess(iterations=5)
NETWORKS = Ensemble(adversary=NoAdversary(), hidden=(8,), held_out=0, steps=20, members=2)
RELEASED = {"form": "as-released", "discount": 0.02, "floor": 0.02, "floor_slope": 0.005, "neighbours": 10}


@dataclass(frozen=True, kw_only=True)
class Loud(Proxy):
    """Predicts 100 everywhere."""

    name = "loud"
    abilities = frozenset({"values", "uncertainty"})

    def schedule(self, data):
        return Schedule(epochs=0, batch_size=1)

    def init(self, key, data):
        return torch.zeros(1)

    def predict(self, state, x):
        return Prediction(torch.full((len(x),), 100.0), torch.ones(len(x)))


def predicted(proxy, x=NEW):
    return proxy.predict(proxy.init(KEY, DATA)[0], x)


def plain(inner=INNER, x=NEW):
    return inner.predict(inner.init(KEY, DATA)[0], x)


@pytest.mark.parametrize("form", ["scale-free", "as-released"])
def test_without_a_discount_it_is_the_inner_proxy(form):
    found = predicted(SupportedGradients(inner=INNER, form=form, discount=0, floor=0, floor_slope=0))
    assert torch.equal(found.mean, plain().mean)
    assert torch.equal(found.std, plain().std)


def test_it_lowers_the_mean_and_raises_the_deviation():
    found, inner = predicted(SupportedGradients(inner=INNER)), plain()
    assert (found.mean <= inner.mean).all()
    assert (found.mean < inner.mean - 0.05).any()
    assert (found.std >= inner.std).all()
    assert (found.std >= 0.05 - 1e-6).all()


def test_mean_and_floor_share_the_distance():
    found = predicted(SupportedGradients(inner=INNER, discount=0.5, floor=9.0, floor_slope=2.0))
    torch.testing.assert_close((plain().mean - found.mean) / 0.5, (found.std - 9.0) / 2.0, rtol=1e-3, atol=1e-4)


def test_as_released_raises_means_among_dense_rows():
    """The released logarithm is negative below a distance of 1."""
    found = predicted(SupportedGradients(inner=INNER, **{**RELEASED, "neighbours": 1}), DATA.x)
    assert (found.mean > plain(x=DATA.x).mean).all()


def test_as_released_hardly_discounts():
    """Designs 100 spreads from the data lose less than a fifth of a standard deviation of the scores."""
    far = 100 * torch.ones_like(DATA.x[:4])
    lost = plain(x=far).mean - predicted(SupportedGradients(inner=INNER, **RELEASED), far).mean
    assert (lost < 0.2).all()
    assert (plain(x=far).mean - predicted(SupportedGradients(inner=INNER), far).mean > 0.5).all()


@pytest.mark.parametrize("x", [NEW, 100 * NEW], ids=["near", "far"])
def test_a_cap_binds_to_the_rows(x):
    found = predicted(Supported(inner=Loud(), mean="cap", margin=0.5), x)
    assert (found.mean <= DATA.y.max() + 0.5).all()


def test_its_gradients_are_those_of_the_discounted_mean():
    proxy = SupportedGradients(inner=INNER)
    state = proxy.init(KEY, DATA)[0]
    slope = grad(lambda x: proxy.predict(state, x).mean.sum())(NEW)
    step = 1e-3 * slope / slope.norm(dim=1, keepdim=True)
    rise = proxy.predict(state, NEW + step).mean - proxy.predict(state, NEW - step).mean
    torch.testing.assert_close(rise / 2e-3, slope.norm(dim=1), rtol=0.1, atol=1e-2)


def test_the_inner_proxy_is_trained_as_alone():
    run = Run(None, TASK, encode_table(Columns(), (3,), TASK.table), (3,))
    alone, held = (train(replace(run, recipe=mbo.Recipe(proxy=one))) for one in (NETWORKS, Supported(inner=NETWORKS)))
    assert_close(held.states[3].inner, alone.states[3], rtol=1e-4, atol=1e-5)


def test_too_many_neighbours_are_noted():
    info = Supported(inner=Forest(trees=2), neighbours=99).init(KEY, DATA)[1]
    assert info["reduced"] == 99 - 59
    assert Supported(inner=Forest(trees=2)).init(KEY, DATA)[1]["reduced"] == 0


def test_a_single_design_is_refused():
    same = replace(DATA, x=torch.ones_like(DATA.x))
    with pytest.raises(mbo.TaskError, match="have one design"):
        Supported(inner=INNER).schedule(same)


REFUSED = {
    "no uncertainty": (Supported, Regression(adversary=NoAdversary()), 'has no "uncertainty"'),
    "no gradients": (SupportedGradients, Forest(), 'has no "gradients"'),
    "twice": (Supported, Supported(inner=Forest()), "would count twice"),
}


@pytest.mark.parametrize(("stage", "inner", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_held_is_refused(stage, inner, words):
    with pytest.raises(ValueError, match=words):
        stage(inner=inner)


@pytest.mark.parametrize("objective", ["support", "near-data"])
def test_wrapper_and_objective_together_are_refused(objective):
    with pytest.raises(mbo.RecipeError, match="would count twice") as refused:
        mbo.run("gp-supported", TASK, seeds=1, set=[f"update.objective.use='{objective}'"])
    assert "use one of the two" in str(refused.value)


def test_an_objective_inside_a_sum_is_refused():
    sets = ["update.objective.use='sum'", "update.objective.first.use='support'"]
    with pytest.raises(mbo.RecipeError, match="would count twice"):
        mbo.run("gp-supported", TASK, seeds=1, set=sets)


def test_the_released_constants():
    recipe = resolved("gp-supported-as-released", "continuous")
    assert {name: getattr(recipe.proxy, name) for name in RELEASED} == RELEASED
    assert (recipe.update.objective.name, recipe.update.objective.deviations) == ("lower-bound", 0.1)


def farthest(method: str, *sets: str) -> float:
    """The mean distance of the candidates to the nearest row."""
    few = ["update.candidates=8", *sets]
    result = mbo.run(method, TASK, seeds=1, set=few)
    assert not result.failed
    far = np.linalg.norm(result.designs[0][:, None] - TASK.x, axis=2).min(1)
    return float(far.mean())


NETS = ("proxy.hidden=[16]", "proxy.epochs=10", "proxy.held_out=0", "update.step_size=0.3", "update.steps=50")


def test_the_objective_keeps_candidates_near_the_rows():
    near, far = (farthest("ensemble-near-rows", *NETS, f"update.objective.weight={weight}") for weight in (2.0, 0.0))
    assert near < far / 2
