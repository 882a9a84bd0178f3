"""`bidirectional` is the loss of BDI, and climbs as the forward loss where that is its only term."""

from __future__ import annotations

import pytest
import torch
from mbo_grad_ascent.update import GradientAscent
from mbo_kernel.kernels import Kernel
from mbo_kernel.objective import Bidirectional
from mbo_kernel.proxy import KernelRidge
from torch.func import grad

from mbo_core.functional import keys
from mbo_core.stages import PREDICTION, Data, Prediction

KEY = keys.key(3)


def prediction(x) -> Prediction:
    return Prediction(2 * x.sum(1), torch.zeros(len(x)))


@pytest.mark.parametrize("terms", ["both", "forward", "backward"])
def test_the_terms_are_the_published_ones(bowl, terms):
    data, x = bowl(5), torch.tensor([[0.4, -0.1, 1.0]])
    part = Bidirectional(terms=terms, target=3.0, ridge=0.1)
    kernel = Kernel("ntk")
    predicted = kernel.between(data.x.double(), x.double())[:, 0] * 3 / (kernel.diagonal(x.double()) + 0.1)
    forward, backward = (2.6 - 3) ** 2 / 2, ((predicted - data.y) ** 2).mean().item() / 2
    expected = {"both": forward + backward, "forward": forward, "backward": backward}[terms]
    assert part.score(part.init(KEY, data), x, prediction(x)).item() == pytest.approx(-expected, rel=1e-5)


def test_explaining_the_data_leaves_no_backward_loss(bowl):
    data, x = bowl(6), torch.tensor([[0.4, -0.1, 1.0]])
    kernel = Kernel("rbf")
    explained = 4 * kernel.between(data.x.double(), x.double())[:, 0].float()
    part = Bidirectional(kernel="rbf", terms="backward", target=4.0)
    exact = Data(data.x, explained, data.space)
    assert part.score(part.init(KEY, exact), x, prediction(x)).item() == pytest.approx(0, abs=1e-9)


def test_emphasis_and_weights_make_rows_count_more(bowl):
    w = torch.arange(1.0, 7)
    data = bowl(6, w)
    plain, sharp = (Bidirectional(emphasis=emphasis).init(KEY, data) for emphasis in (0.0, 2.0))
    torch.testing.assert_close(plain.share, plain.rows.w / 21)
    rise = (sharp.share / plain.share).log()
    torch.testing.assert_close(rise - rise[0], 2 * (sharp.rows.y - sharp.rows.y[0]))
    assert sharp.share.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("kernel", ["rbf", "ntk"])
def test_the_gradient_agrees_with_differences(bowl, kernel):
    part = Bidirectional(kernel=kernel, terms="backward")
    state = part.init(KEY, bowl())

    def score(x):
        return part.score(state, x[None], prediction(x[None]))[0]

    at, small = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64), 1e-6
    slope = grad(score)(at)
    for place, one in enumerate(torch.eye(3, dtype=torch.float64)):
        difference = (score(at + small * one) - score(at - small * one)) / (2 * small)
        assert slope[place].item() == pytest.approx(difference.item(), rel=1e-5)


def first_step(data, objective):
    proxy = KernelRidge()
    state, _ = proxy.init(KEY, data)
    update = GradientAscent(proxy=proxy, objective=objective, optimiser="adam", step_size=0.01, candidates=20)
    start = update.init(KEY, data, state)
    return (update.step(KEY, start, data, 0)[0].x - start.x).sign()


def test_below_the_target_forward_climbs_the_prediction(bowl):
    """Above it, it climbs down."""
    data = bowl()
    up, forward, past = (
        first_step(data, one)
        for one in (PREDICTION, Bidirectional(terms="forward"), Bidirectional(terms="forward", target=-9.0))
    )
    assert torch.equal(forward, up)
    assert torch.equal(past, -up)


def test_what_it_needs_follows_its_terms():
    assert Bidirectional().needs == {"values"}
    assert Bidirectional(terms="backward").needs == frozenset()


def test_a_design_of_zeros_is_scored(bowl):
    part, zero = Bidirectional(), torch.zeros(1, 3)
    state = part.init(KEY, bowl())
    assert part.score(state, zero, prediction(zero)).isfinite().all()
    assert grad(lambda x: part.score(state, x, prediction(x)).sum())(zero).isfinite().all()
