"""Objectives of `gradient-ascent`: their formulas, what they need, and how a recipe names them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mbo_grad_ascent.objectives import LowerBound, NearData, Sum
from mbo_grad_ascent.proxy import Ensemble
from mbo_grad_ascent.update import GradientAscent
from torch.func import grad

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.stages import PREDICTION, Data, EncodedSpace, NoAdversary, Prediction

KEY = keys.key(3)
ROWS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
DATA = Data(ROWS, torch.tensor([0.0, 1.0, 2.0]), EncodedSpace("continuous", (2,), None, "real", ROWS[0], ROWS[2]))
PREDICTED = Prediction(torch.tensor([2.0, 3.0]), torch.tensor([0.5, 1.0]))
X = torch.tensor([[0.0, 0.0], [4.0, 0.0]])
ROOT = 2**0.5
FORMULAS = {
    "prediction": (PREDICTION, [2.0, 3.0]),
    "lower-bound": (LowerBound(deviations=2.0), [1.0, 1.0]),
    "the nearest row": (NearData(weight=2.0, neighbours=1), [2.0, 3.0 - 2 * 3 / ROOT]),
    "the two nearest": (NearData(neighbours=2), [2.0 - 0.5 / ROOT, 3.0 - 3.5 / ROOT]),
    "more neighbours than rows": (NearData(weight=0.0, neighbours=9), [2.0, 3.0]),
    "sum": (Sum(first=LowerBound(), second=PREDICTION, first_weight=2.0, second_weight=-1.0), [1.0, 1.0]),
    "sum of sums": (Sum(first=Sum(first=LowerBound()), first_weight=0.5), [3.75, 5.5 - 0.0]),
}


@pytest.mark.parametrize(("objective", "expected"), FORMULAS.values(), ids=FORMULAS)
def test_each_has_its_formula(objective, expected):
    found = objective.score(objective.init(KEY, DATA), X, PREDICTED)
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-5, atol=1e-5)


def test_the_discount_pulls_towards_the_nearest_row():
    objective = NearData(neighbours=1)
    slope = grad(lambda x: objective.score(objective.init(KEY, DATA), x, PREDICTED).sum())(X)
    torch.testing.assert_close(slope, torch.tensor([[0.0, 0.0], [-1 / ROOT, 0.0]]))


@pytest.mark.parametrize(("rows", "kept"), [(2, 2), (99, 3)])
def test_it_looks_among_some_rows(rows, kept):
    found = NearData(rows=rows).init(KEY, DATA)
    assert found.shape == (kept, 2)
    assert {tuple(row) for row in found.tolist()} <= {tuple(row) for row in ROWS.tolist()}


def test_a_sum_needs_what_its_parts_need():
    assert Sum(first=LowerBound(), second=NearData()).needs == {"order", "uncertainty", "values"}


@pytest.mark.parametrize("aggregation", ["min", "mean-as-published"])
def test_a_smallest_member_has_no_lower_bound(aggregation):
    proxy = Ensemble(adversary=NoAdversary(), hidden=(8,))
    with pytest.raises(ValueError, match=f'aggregation="{aggregation}" has no standard deviation'):
        GradientAscent(proxy=proxy, aggregation=aggregation, objective=Sum(second=LowerBound()))


def test_the_first_member_has_its_own_deviation():
    proxy = Ensemble(adversary=NoAdversary(), hidden=(8,))
    state = proxy.init(KEY, DATA)
    update = GradientAscent(proxy=proxy, aggregation="one", objective=LowerBound(deviations=3.0), candidates=2)
    mean, std = proxy.predict_members(state, X)
    assert torch.equal(update.score(update.init(KEY, DATA, state), X), mean[0] - 3 * std[0])


x = np.random.default_rng(0).normal(size=(150, 3))
TASK = mbo.Task("bowl", x, -((x - 1) ** 2).sum(1))
SMALL = ["proxy.hidden=[8]", "proxy.epochs=20", "proxy.held_out=0", "update.steps=30", "update.candidates=16"]


def farthest(*sets: str, seeds: int = 2) -> float:
    """The mean over candidates of the distance to the nearest row."""
    result = mbo.run("grad-ascent-mean", TASK, seeds=seeds, set=[*SMALL, *sets])
    assert not result.failed
    return float(np.mean([np.linalg.norm(x[:, None] - raw, axis=2).min(0).mean() for raw in result.designs]))


def test_a_discount_keeps_candidates_near_the_data():
    far, near = (
        farthest("update.step_size=0.3", "update.objective.use='near-data'", f"update.objective.weight={weight}")
        for weight in (0.0, 1.0)
    )
    assert near < far / 2


def test_a_recipe_names_a_sum(tmp_path):
    (tmp_path / "mine.toml").write_text(
        """
        extends = "grad-ascent-mean"
        [update.objective]
        use = "sum"
        second_weight = 0.5
        first.use = "lower-bound"
        """
    )
    result = mbo.run(tmp_path / "mine.toml", TASK, seeds=1, set=SMALL)
    assert result.recipe.update.objective == Sum(first=LowerBound(), second_weight=0.5)
    assert "first = { use" in result.recipe.to_toml({}) or "[update.objective.first]" in result.recipe.to_toml({})


def test_a_lower_bound_of_one_network_is_refused():
    with pytest.raises(mbo.RecipeError, match='needs a proxy with "uncertainty", which "regression" lacks'):
        mbo.run("grad-ascent", TASK, set=["proxy.use='regression'", "update.objective.use='lower-bound'"])


def test_an_unknown_objective_is_refused():
    with pytest.raises(mbo.RecipeError, match='unknown objective "near-date"') as refused:
        mbo.run("grad-ascent", TASK, set=["update.objective.use='near-date'"])
    assert 'did you mean "near-data"' in str(refused.value)


def test_plain_steps_up_the_prediction_are_the_default():
    update = mbo.run("grad-ascent", TASK, seeds=1, set=SMALL).recipe.update
    assert (update.optimiser, update.objective) == ("plain", PREDICTION)
