"""A committee averages what its members say, in ranks or z-scores, and may hold any proxies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from mbo_grad_ascent.proxy import Regression
from mbo_tabular.bagging import LEAST_STD
from mbo_tabular.committee import Committee, _rank, _scored, _z_score, trained
from mbo_tabular.forest import Forest
from mbo_tabular.ridge import RidgeProxy

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.records import Run
from mbo_core.runs.training import train
from mbo_core.stages import Columns, NoAdversary, NoProxy, Prediction
from mbo_core.testing import small_task
from mbo_core.testing.nests import assert_close

KEY = keys.key(5)
TASK = small_task("continuous", rows=60)
DATA = encode_table(Columns(), (0,), TASK.table).first
MEMBERS = {"first": Forest(trees=8), "second": RidgeProxy(members=4)}
NETWORK = Regression(adversary=NoAdversary(), hidden=(8,), steps=30, held_out=0)


def said(*means: float) -> Prediction:
    return Prediction(torch.tensor(means), torch.ones(len(means)))


def test_ranks_go_on_beyond_the_rows():
    ordered = torch.tensor([0.0, 1.0, 1.0, 2.0, 4.0])
    ranks, stds = _rank(ordered, said(-2.0, 0.0, 0.5, 1.0, 3.0, 4.0, 6.0))
    assert torch.allclose(ranks, torch.tensor([-0.5, 0.0, 0.125, 0.5, 0.875, 1.0, 1.5]))
    assert torch.allclose(stds, torch.full((7,), 0.25))


def test_z_scores_are_standardised_over_the_rows():
    means, stds = _z_score(torch.tensor([1.0, 3.0]), said(2.0, 5.0))
    assert torch.allclose(means, torch.tensor([0.0, 3.0]))
    assert torch.allclose(stds, torch.ones(2))


@pytest.mark.parametrize("constant", [0.0, 2.5])
def test_a_member_without_an_opinion_has_no_say(constant):
    for opinion in (_rank, _z_score):
        means, _ = opinion(torch.full((4,), constant), said(constant, constant))
        assert means[0] == means[1]
        assert torch.isfinite(means).all()


@pytest.mark.parametrize("average", ["ranks", "z-scores"])
def test_the_committee_orders_by_the_mean_opinion(average):
    committee = Committee(**MEMBERS, average=average)
    state, info = committee.init(KEY, DATA)
    opinion = {"ranks": _rank, "z-scores": _z_score}[average]
    new = DATA.x + 0.5 * keys.normal(KEY, DATA.x.shape)
    pairs = zip(committee.members, state.views, strict=True)
    mean = torch.stack([opinion(v.ordered, m.predict(v.state, new))[0] for m, v in pairs]).mean(0)
    found = committee.predict(state, new)
    assert torch.equal(found.mean.argsort(), mean.argsort())
    assert 0.3 < info["agreement"] < 1
    # The map from opinions to scores keeps the mean of the rows.
    assert abs(committee.predict(state, DATA.x).mean.mean() - DATA.y.mean()) < 1e-5
    assert (committee.predict(state, DATA.x).mean - DATA.y).square().mean() < 0.3


@pytest.mark.parametrize(
    ("weight", "shares"), [(None, (1 / 3, 1 / 3, 1 / 3)), (0.6, (0.6, 0.2, 0.2)), (1.0, (1, 0, 0))]
)
def test_the_others_share_what_the_first_leaves(weight, shares):
    committee = Committee(**MEMBERS, third=RidgeProxy(members=2, knots=2), first_weight=weight)
    state, _ = committee.init(KEY, DATA)
    opinions, stds = committee._opinions(state.views, DATA.x)
    weights = torch.tensor(shares)[:, None]
    mean = (weights * opinions).sum(0)
    found = committee.predict(state, DATA.x)
    assert torch.allclose(committee._mean(opinions), mean, atol=1e-6)
    assert torch.allclose(found.mean, _scored(state, committee._mean(opinions)))
    variance = (weights * ((opinions - mean).square() + stds.square())).sum(0)
    assert torch.allclose(found.std, (state.slope.square() * variance + LEAST_STD**2).sqrt(), rtol=1e-4)


@pytest.mark.parametrize("average", ["ranks", "z-scores"])
def test_the_best_rows_are_predicted_as_good(average):
    """A line through all opinions falls short of skewed scores by half a standard deviation."""
    y = DATA.y.mul(1.5).exp()
    skewed = replace(DATA, y=(y - y.mean()) / y.std())
    committee = Committee(**MEMBERS, average=average)
    state, _ = committee.init(KEY, skewed)
    best = skewed.y.argsort()[-6:]
    assert abs((committee.predict(state, skewed.x).mean - skewed.y)[best].mean()) < 0.1
    assert abs(_scored(state, state.opinions[-1:] + 0.5) - state.scores[-1] - 0.5 * state.slope) < 1e-5


def test_members_are_trained_as_the_core_trains_them():
    """But on all rows, whatever they would hold out."""
    run = Run(None, TASK, encode_table(Columns(), (3,), TASK.table), (3,))
    recipe = mbo.Recipe(proxy=NETWORK)
    expected = train(Run(recipe, TASK, run.encoded, (3,))).states[3]
    found = trained(replace(NETWORK, held_out=10), run.keys(1)[0], run.data)
    assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_third_member_and_networks():
    three = Committee(**MEMBERS, third=NETWORK)
    assert [one.name for one in three.members] == ["forest", "ridge", "regression"]
    state, _ = three.init(KEY, DATA)
    assert len(state.views) == 3
    nested = Committee(first=Committee(**MEMBERS), second=NETWORK)
    assert torch.isfinite(nested.predict(nested.init(KEY, DATA)[0], DATA.x).mean).all()


def test_what_orders_nothing_is_no_member():
    with pytest.raises(ValueError, match="orders no designs"):
        Committee(first=NoProxy(), second=RidgeProxy())


@pytest.mark.parametrize("option", ["keep='best'", "refit=true"])
def test_members_that_need_held_out_rows_are_refused(option):
    member = {"use": "regression", "hidden": [4], "steps": 5, "held_out": 10}
    proxy = {"use": "committee", "first": {"use": "ridge"}, "second": member}
    with pytest.raises(mbo.TaskError, match="cannot choose its state on held-out") as refused:
        mbo.run({"proxy": proxy}, TASK, seeds=1, set=[f"proxy.second.{option}"])
    assert "keep=" in refused.value.hint


def test_other_seeds_do_not_change_a_committee():
    few = ["proxy.first.members=2", "proxy.first.rounds=3", "update.generations=2"]
    several = mbo.run("committee-evolution", TASK, seeds=[1, 3, 5], preset="table", set=few)
    alone = mbo.run("committee-evolution", TASK, seeds=[3], preset="table", set=few)
    assert np.array_equal(several.trials[3].raw, alone.trials[3].raw)
