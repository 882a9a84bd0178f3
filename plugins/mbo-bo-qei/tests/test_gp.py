"""The Gaussian process is the one of the published runs, whatever the library's defaults are."""

from __future__ import annotations

import math

import torch
from mbo_bo_qei.gp import fitted, hyperparameters, unfitted
from mbo_bo_qei.records import Observed, taken
from mbo_bo_qei.search import exactly
from torch.distributions import Gamma, MultivariateNormal

from mbo_core.functional import keys

NOISE = 0.1


def observed(n: int = 40, d: int = 3, dtype=torch.float64) -> Observed:
    """A smooth function of the first two coordinates, with noise."""
    x = keys.uniform(keys.key(1), (n, d)).to(dtype)
    y = torch.sin(4 * x[:, 0]) + x[:, 1] + NOISE * keys.normal(keys.key(2), (n,))
    return Observed(x, y.to(dtype), torch.full((n,), NOISE, dtype=dtype))


def with_parameters(data: Observed, lengthscales, scale: float, mean: float):
    model = unfitted(data)
    model.covar_module.base_kernel.lengthscale = torch.tensor(lengthscales, dtype=data.x.dtype)
    model.covar_module.outputscale, model.mean_module.constant = scale, mean
    return model.eval()


def matern(x, z, lengthscales, scale):
    """Written out from the docstring."""
    r = (((x[:, None] - z[None]) / lengthscales) ** 2).sum(-1).clamp(min=1e-30).sqrt()
    return scale * (1 + math.sqrt(5) * r + 5 * r**2 / 3) * torch.exp(-math.sqrt(5) * r)


def posterior(model, x):
    with exactly(), torch.no_grad():
        found = model.posterior(x)
        return found.mean[:, 0], found.variance[:, 0]


def test_the_posterior_is_that_of_the_formulas():
    data, lengthscales = observed(), torch.tensor([0.3, 0.7, 2.0], dtype=torch.float64)
    model = with_parameters(data, [0.3, 0.7, 2.0], 1.5, -0.4)
    z = keys.uniform(keys.key(3), (7, 3)).double()
    noisy = matern(data.x, data.x, lengthscales, 1.5) + NOISE**2 * torch.eye(40)
    cross = matern(z, data.x, lengthscales, 1.5)
    mean, variance = posterior(model, z)
    torch.testing.assert_close(mean, -0.4 + cross @ torch.linalg.solve(noisy, data.y + 0.4))
    torch.testing.assert_close(variance, 1.5 - (cross * torch.linalg.solve(noisy, cross.T).T).sum(1))


def test_the_fit_maximises_likelihood_and_the_published_priors():
    data = observed()
    with exactly():
        model = fitted(data)
    parameters = (
        model.covar_module.base_kernel.lengthscale[0],
        model.covar_module.outputscale,
        model.mean_module.constant,
    )
    lengthscales, scale, mean = (one.detach().clone().requires_grad_() for one in parameters)
    covariance = matern(data.x, data.x, lengthscales, scale) + NOISE**2 * torch.eye(40)
    likelihood = MultivariateNormal(mean.expand(40), covariance).log_prob(data.y)
    shape, rate = torch.tensor([3.0, 2.0]).double(), torch.tensor([6.0, 0.15]).double()
    height = (
        likelihood + Gamma(shape[0], rate[0]).log_prob(lengthscales).sum() + Gamma(shape[1], rate[1]).log_prob(scale)
    )
    for slope in torch.autograd.grad(height, (lengthscales, scale, mean)):
        torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=0.05)


def test_it_starts_where_the_published_one_did():
    model = unfitted(observed())
    for start in (model.covar_module.base_kernel.lengthscale, model.covar_module.outputscale):
        torch.testing.assert_close(start, torch.full_like(start, math.log(2)))
    assert model.covar_module.base_kernel.lengthscale.shape == (1, 3)
    assert model.mean_module.constant == 0


def test_scores_and_designs_are_taken_as_they_are():
    data = observed()
    moved = data._replace(y=1000 + 50 * data.y, x=7 + 3 * data.x)
    model = unfitted(moved)
    assert torch.equal(model.train_targets, moved.y)
    assert torch.equal(model.train_inputs[0], moved.x)
    assert not hasattr(model, "outcome_transform")
    assert not hasattr(model, "input_transform")


def test_interpolates_and_shrinks_at_the_data():
    data = observed()
    with exactly():
        model = fitted(data)
    mean, at_data = posterior(model, data.x)
    assert ((mean - data.y).abs() < 4 * NOISE).all()
    far_mean, far = posterior(model, data.x + 100)
    assert (at_data >= 0).all()
    assert (at_data < NOISE**2 + 1e-9).all()
    assert (far > 10 * at_data).all()
    torch.testing.assert_close(far, model.covar_module.outputscale.detach().expand(40))
    torch.testing.assert_close(far_mean, model.mean_module.constant.detach().expand(40))


def test_the_kernel_is_symmetric_and_positive():
    data = observed()
    with exactly():
        covariance = fitted(data).covar_module(data.x).to_dense().detach()
    torch.testing.assert_close(covariance, covariance.T)
    assert torch.linalg.eigvalsh(covariance).min() > -1e-9


def test_a_noisier_observation_counts_less():
    data = observed(6)
    doubted = data._replace(std=torch.tensor([3.0, 0.1, 0.1, 0.1, 0.1, 0.1], dtype=torch.float64))
    sure, unsure = (posterior(with_parameters(one, [0.2] * 3, 1.0, 0.0), data.x[:1]) for one in (data, doubted))
    assert (sure[0] - data.y[0]).abs() < (unsure[0] - data.y[0]).abs()
    assert sure[1] < unsure[1]


def test_next_fit_starts_from_the_last():
    data = observed()
    with exactly():
        model = fitted(data)
    start, more = hyperparameters(model), taken(data, slice(30))
    for name, parameter in unfitted(more, start).named_parameters():
        assert torch.equal(parameter, start[name])
        assert not torch.equal(parameter, dict(unfitted(more).named_parameters())[name])


def test_a_fit_without_a_step_leaves_the_parameters(monkeypatch):
    from mbo_bo_qei import gp

    def fails(mll):
        raise gp.ModelFittingError("All attempts to fit the model have failed.")

    start = hyperparameters(with_parameters(observed(), [0.3, 0.7, 2.0], 1.5, -0.4))
    monkeypatch.setattr(gp, "fit_gpytorch_mll", fails)
    model = fitted(observed(), start)
    assert not model.training
    assert all(torch.equal(parameter, start[name]) for name, parameter in model.named_parameters())


def test_covariances_of_any_size_are_factorised_exactly():
    from gpytorch import settings

    before = settings.max_cholesky_size.value()
    with exactly():
        assert settings.max_cholesky_size.value() > 1e6
    assert settings.max_cholesky_size.value() == before
