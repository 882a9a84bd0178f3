"""The default recipe listens to its Gaussian process as far as held-out rows speak for it."""

from __future__ import annotations

import numpy as np
import pytest
from mbo_propose.backtest import DEFAULT
from mbo_propose.models import planned
from mbo_propose.weighing import weighed, weight

import mbo_core as mbo


def task(score):
    x = np.random.default_rng(0).uniform(-1, 1, size=(60, 2))
    return mbo.Task("made", x, score(x), space=mbo.Space.continuous(2, (-1.0, 1.0)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("score", "least", "most"),
    [(lambda x: np.cos(3 * x[:, 0] * x[:, 1]), 0.9, 1.0), (lambda x: 1.0 * (x[:, 0] > 0.2) + (x[:, 1] > 0), 0.0, 0.3)],
    ids=["smooth", "steps"],
)
def test_held_out_rows_set_the_weight(score, least, most):
    found = weighed(task(score), seconds=60)
    assert least <= found.weight <= most
    recipe = planned(found.recipe, task(score), [0]).recipe
    assert (recipe.name, recipe.proxy.first_weight) == (DEFAULT, found.weight)
    assert f"the weight {found.weight:.2f}" in found.reason


def test_the_weight_has_the_least_squared_error():
    draw = np.random.default_rng(1)
    truth, one, other = draw.normal(size=(3, 50))
    shares = np.linspace(0, 1, 1001)
    errors = [np.sum((truth + share * one + (1 - share) * 2 * other - truth) ** 2) for share in shares]
    assert weight(truth, truth + one, truth + 2 * other) == pytest.approx(shares[np.argmin(errors)], abs=1e-3)
    assert weight(truth, one, one) == 0.5
