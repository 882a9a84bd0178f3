"""The process is that of the textbook and of botorch, exact and through inducing points."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from mbo_gp.conditioning import exact, induced
from mbo_gp.fit import Rows, log_likelihood, priors
from mbo_gp.kernels import Hyper, covariance, sizes
from mbo_gp.layout import layout
from mbo_gp.library import exactly
from mbo_gp.proxy import GaussianProcess
from torch.distributions import MultivariateNormal

from mbo_core.functional import keys
from mbo_core.stages import Schedule

KEY = keys.key(5)
KERNELS = ("product", "additive", "mixed")


def fitted(data, **options):
    proxy = GaussianProcess(**options)
    return proxy, *proxy.init(KEY, data)


def drawn(kernel, place) -> Hyper:
    """Hyperparameters of the right shapes."""
    terms, sets = sizes(kernel, place)
    lengths = 0.4 + keys.uniform(KEY, (sets, len(place.category))).double()
    scales = torch.linspace(0.7, 1.3, terms, dtype=torch.float64)
    return Hyper(torch.tensor(0.2).double(), scales, lengths, torch.tensor(0.05).double())


def known_exactly(data, hyper, x):
    """The exact posterior with given hyperparameters."""
    place = layout(data)
    return GaussianProcess().predict(exact("product", place, hyper, rows_of(data, place)), x)


def rows_of(data, place) -> Rows:
    return Rows(place.features(data.x), data.y.double(), data.w.double())


def botorch_process(kernel, hyper, x, y):
    """Botorch's own model with the same hyperparameters."""
    from botorch.models import SingleTaskGP
    from gpytorch.kernels import AdditiveKernel, MaternKernel, ScaleKernel

    def term(scale, lengths, dims=None):
        made = ScaleKernel(MaternKernel(nu=2.5, ard_num_dims=len(lengths), active_dims=dims)).double()
        made.base_kernel.lengthscale, made.outputscale = lengths, scale
        return made

    if kernel == "product":
        made = term(hyper.scales[0], hyper.lengthscales[0])
    else:
        each = zip(hyper.scales, hyper.lengthscales[0], strict=True)
        made = AdditiveKernel(*(term(scale, length[None], (at,)) for at, (scale, length) in enumerate(each)))
    noise = hyper.noise.expand(len(y), 1)
    model = SingleTaskGP(x, y[:, None], noise, covar_module=made, outcome_transform=None)
    model.mean_module.constant = hyper.mean
    return model.eval()


@pytest.mark.parametrize("kernel", ["product", "additive"])
def test_posterior_agrees_with_botorch(kernel, numbers):
    data = numbers()
    proxy, state, _ = fitted(data, kernel=kernel, iterations=20)
    x = keys.uniform(keys.key(8), (9, 2)).double()
    with exactly(), torch.no_grad():
        model = botorch_process(kernel, state.hyper, state.x, data.y.double())
        own, theirs = proxy.posterior(state).posterior(x), model.posterior(state.layout.features(x))
        torch.testing.assert_close(own.mean, theirs.mean, rtol=0, atol=1e-6)
        torch.testing.assert_close(
            own.distribution.covariance_matrix, theirs.distribution.covariance_matrix, rtol=0, atol=1e-6
        )
    found = proxy.predict(state, x.float())
    torch.testing.assert_close(found.mean.double(), theirs.mean[:, 0], rtol=0, atol=1e-5)
    torch.testing.assert_close(found.std.double(), theirs.variance[:, 0].sqrt(), rtol=0, atol=1e-4)


def test_mixed_kernel_is_that_of_botorch(levels):
    from botorch.models import MixedSingleTaskGP
    from gpytorch.kernels import MaternKernel

    def smooth(batch_shape, ard_num_dims, active_dims):
        return MaternKernel(nu=2.5, ard_num_dims=ard_num_dims, active_dims=active_dims).double()

    data = levels()
    place = layout(data)
    hyper = drawn("mixed", place)
    coded = torch.cat([data.x[:, :1], data.x[:, 1:].argmax(1, keepdim=True)], 1).double()
    with exactly():
        theirs = MixedSingleTaskGP(
            coded, data.y[:, None].double(), cat_dims=[1], cont_kernel_factory=smooth
        ).covar_module
        added, multiplied = theirs.kernels
        added.outputscale = hyper.scales[0]
        added.base_kernel.kernels[0].lengthscale = hyper.lengthscales[0, :1]
        added.base_kernel.kernels[1].outputscale = hyper.scales[1] / hyper.scales[0]
        added.base_kernel.kernels[1].base_kernel.lengthscale = hyper.lengthscales[0, 1:]
        multiplied.outputscale = hyper.scales[2]
        multiplied.base_kernel.kernels[0].lengthscale = hyper.lengthscales[1, :1]
        multiplied.base_kernel.kernels[1].lengthscale = hyper.lengthscales[1, 1:]
        z = place.features(data.x)
        scaled = torch.cat([z[:, :1], coded[:, 1:]], 1)
        torch.testing.assert_close(
            covariance("mixed", hyper, place, z, z), theirs(scaled).to_dense().detach(), rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("kernel", KERNELS)
def test_likelihood_and_its_gradient_are_the_normal_density(kernel, levels):
    data = levels(12)
    data = replace(data, w=torch.linspace(0.5, 3, 12))
    place = layout(data)
    rows, hyper = rows_of(data, place), drawn(kernel, place)
    leaves = [part.clone().requires_grad_() for part in hyper]
    own = log_likelihood(kernel, Hyper(*leaves), place, rows)
    noisy = covariance(kernel, Hyper(*leaves), place, rows.x, rows.x) + torch.diag(leaves[3] / rows.w)
    plain = MultivariateNormal(leaves[0].expand(12), noisy).log_prob(rows.y)
    torch.testing.assert_close(own, plain)
    for one, other in zip(torch.autograd.grad(own, leaves), torch.autograd.grad(plain, leaves), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_fit_maximises_likelihood_times_priors(kernel, levels):
    data = levels()
    _, state, _ = fitted(data, kernel=kernel)
    rows, prior = rows_of(data, state.layout), priors(kernel, state.layout)

    def density(hyper):
        return log_likelihood(kernel, hyper, state.layout, rows) + prior.log_density(hyper)

    best = density(state.hyper)
    for name in ("mean", "scales", "lengthscales"):
        for factor in (0.9, 1.1):
            moved = state.hyper._replace(**{name: getattr(state.hyper, name) * factor})
            assert density(moved) < best + 1e-6
    assert math.isfinite(best)


def test_a_flat_prior_finds_much_noise(numbers):
    """Scores that are nearly all noise: the prior of little noise takes them for a rough function."""
    data = numbers(60, noise=10.0)
    little, flat = (float(fitted(data, noise_prior=prior)[2]["noise"]) for prior in ("little", "flat"))
    assert little < 0.1
    assert flat > 0.5


def test_a_process_without_noise_interpolates(numbers):
    data = numbers(noise=0.0)
    proxy, state, _ = fitted(data, noise=1e-7)
    found = proxy.predict(state, data.x)
    torch.testing.assert_close(found.mean, data.y, rtol=0, atol=1e-3)
    assert found.std.max() < 1e-2


@pytest.mark.parametrize("kernel", KERNELS)
def test_uncertainty_grows_away_from_the_data(kernel, levels):
    proxy, state, _ = fitted(levels(), kernel=kernel)
    away = torch.tensor([[0.5, 1, 0, 0], [1.5, 1, 0, 0], [3, 1, 0, 0], [30, 1, 0, 0]])
    std = proxy.predict(state, away).std
    assert (std.diff() > 0).all()
    assert std[-1] <= state.hyper.scales.sum().sqrt() + 1e-6


def test_a_row_of_weight_4_stands_four_times(numbers):
    data = numbers(12)
    weighed = replace(data, w=torch.tensor([4.0] + [1.0] * 11))
    again = replace(data, x=torch.cat([data.x, data.x[:1].expand(3, -1)]), y=torch.cat([data.y, data.y[:1].expand(3)]))
    again = replace(again, w=torch.ones(15))
    one, other, plain = (known_exactly(each, drawn("product", layout(each)), data.x) for each in (weighed, again, data))
    torch.testing.assert_close(one.mean, other.mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(one.std, other.std, rtol=0, atol=1e-6)
    assert one.std[0] < plain.std[0]


def test_arithmetic_is_in_float64(numbers):
    _, state, info = fitted(numbers())
    assert {part.dtype for part in (state.x, state.weights, state.known, *state.hyper)} == {torch.float64}
    assert {value.dtype for value in info.values()} == {torch.float32}


def test_inducing_points_at_all_rows_are_exact(numbers):
    data = numbers()
    whole = fitted(data, iterations=5)
    proxy = GaussianProcess(iterations=5)
    state = induced("product", whole[1].layout, whole[1].hyper, rows_of(data, whole[1].layout), whole[1].x)
    x = keys.uniform(keys.key(8), (9, 2))
    one, other = proxy.predict(state, x), whole[0].predict(whole[1], x)
    torch.testing.assert_close(one.mean, other.mean, rtol=0, atol=1e-4)
    torch.testing.assert_close(one.std, other.std, rtol=0, atol=1e-4)


def test_many_rows_are_known_through_few_points(numbers):
    """Better than by those rows alone, and it says so."""
    data = numbers(400, noise=1.0)
    whole, few = fitted(data), fitted(data, rows=30, likelihood_rows=60)
    assert {name: float(few[2][name]) for name in ("through", "unlikely")} == {"through": 370, "unlikely": 340}
    assert float(whole[2]["through"]) == 0
    assert few[1].known.shape == few[1].shared.shape == (30, 30)
    subset = replace(data, x=data.x[:30], y=data.y[:30], w=data.w[:30])
    place, hyper = whole[1].layout, whole[1].hyper
    through = induced("product", place, hyper, rows_of(data, place), place.features(subset.x))
    target = whole[0].predict(whole[1], data.x).mean
    error = (few[0].predict(through, data.x).mean - target).square().mean()
    assert error < 0.1 * (known_exactly(subset, hyper, data.x).mean - target).square().mean()


def test_levels_share_a_lengthscale_and_have_unit_distance(levels):
    place = layout(levels())
    assert place.column.tolist() == [0, 1, 1, 1]
    assert place.category.tolist() == [False, True]
    corners = place.features(torch.cat([torch.zeros(3, 1), torch.eye(3)], 1))
    torch.testing.assert_close(torch.pdist(corners), torch.ones(3).double())


def test_it_is_fitted_without_epochs(numbers):
    assert not GaussianProcess().schedule(numbers()).trains
    assert GaussianProcess().schedule(numbers()) == Schedule(epochs=0, batch_size=1)


def test_the_best_rows_are_inducing_points(numbers):
    data = numbers(100)
    _, state, _ = fitted(data, rows=20, iterations=1)
    best = state.layout.features(data.x[data.y.topk(2).indices])
    torch.testing.assert_close(state.x[:2], best)
    assert len(torch.unique(state.x, dim=0)) == 20
