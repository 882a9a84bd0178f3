"""`kernel-ridge` is the posterior of a Gaussian process, with weights, and chooses by likelihood."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mbo_kernel.kernels import Kernel
from mbo_kernel.proxy import KernelRidge
from mbo_kernel.ridge import fit, tuned
from mbo_kernel.rows import Rows, fitted_rows, scale_of
from torch.func import grad, vmap

from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import Batch, Columns, Data
from mbo_core.testing.tiny_tasks import tiny_task

KEY = keys.key(3)


def state_of(stage: KernelRidge, data: Data):
    return stage.init(KEY, data)[0]


def info_of(stage: KernelRidge, data: Data) -> dict[str, float]:
    return {name: value.item() for name, value in stage.init(KEY, data)[1].items()}


def test_without_noise_the_mean_goes_through_the_rows(bowl):
    data, stage = bowl(), KernelRidge(tune=False, ridge=1e-9)
    mean, std = stage.predict(state_of(stage, data), data.x)
    torch.testing.assert_close(mean, data.y, atol=1e-5, rtol=0)
    assert (std**2 <= 2e-9).all()


@pytest.mark.parametrize("ridge", [1e-3, 0.1, 1.0])
def test_variance_at_a_row_is_below_the_noise(bowl, ridge):
    data, stage = bowl(), KernelRidge(tune=False, ridge=ridge)
    std = stage.predict(state_of(stage, data), data.x).std
    assert (std > 0).all()
    assert (std**2 <= ridge + 1e-6).all()


def test_far_away_it_knows_nothing(bowl):
    stage = KernelRidge(tune=False)
    mean, std = stage.predict(state_of(stage, bowl()), torch.full((1, 3), 100.0))
    assert mean.item() == pytest.approx(0, abs=1e-6)
    assert std.item() == pytest.approx(1, abs=1e-6)


def test_posterior_and_likelihood_are_those_of_the_textbook(bowl):
    """By inverse and determinant, with a noise for each row."""
    data, w = bowl(8), torch.tensor([1.0, 2, 0.5, 1, 3, 1, 1, 1])
    kernel, rows = Kernel("rbf"), Rows(data.x.double(), data.y.double(), w.double())
    found = fit(kernel, rows, 0.7, 0.1)
    noisy = kernel.between(rows.x, rows.x, 0.7) + torch.diag(0.1 / rows.w)
    torch.testing.assert_close(found.coefficients, noisy.inverse() @ rows.y)
    normal = torch.distributions.MultivariateNormal(torch.zeros(8, dtype=torch.float64), noisy)
    torch.testing.assert_close(found.likelihood, normal.log_prob(rows.y))
    stage = KernelRidge(tune=False, lengthscale=0.7, ridge=0.1)
    state = state_of(stage, replace(data, w=w))
    there = torch.tensor([[0.2, -0.4, 0.1]])
    between = kernel.between(there.double(), rows.x, 0.7)
    assert stage.predict(state, there).std.item() ** 2 == pytest.approx(
        (1 - between @ noisy.inverse() @ between.T).item(), rel=1e-5
    )


@pytest.mark.parametrize("kernel", ["rbf", "ntk"])
def test_two_measurements_equal_one_row_of_weight_2(bowl, kernel):
    data, stage = bowl(20), KernelRidge(kernel=kernel, tune=False)
    same = Data(torch.cat([data.x, data.x[:1]]), torch.cat([data.y, data.y[:1] + 1]), data.space)
    y, w = data.y.clone(), torch.ones(20)
    y[0], w[0] = y[0] + 0.5, 2
    one = stage.predict(state_of(stage, same), data.x + 0.1)
    other = stage.predict(state_of(stage, replace(data, y=y, w=w)), data.x + 0.1)
    # The ridge is in units of the mean of the diagonal, which the repeated row moves for the tangent kernel.
    tolerance = 1e-5 if kernel == "rbf" else 0.05
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def test_a_row_of_weight_0_has_no_effect(bowl):
    data, w = bowl(20), torch.ones(20)
    w[:5] = 0
    stage, kept = KernelRidge(), Data(data.x[5:], data.y[5:], data.space)
    there = data.x + 0.1
    weighted = replace(data, w=w)
    for one, other in zip(
        stage.predict(state_of(stage, weighted), there), stage.predict(state_of(stage, kept), there), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    rows = fitted_rows(KEY, weighted, 100)
    alone = fitted_rows(KEY, kept, 100)
    assert tuned(Kernel("rbf"), rows, 1.0, 0.01).likelihood.item() == pytest.approx(
        tuned(Kernel("rbf"), alone, 1.0, 0.01).likelihood.item()
    )


def test_the_likelihood_finds_noise_and_lengthscale(bowl):
    """Scores of a smooth function need little noise and long scales, scores without any pattern much noise."""
    smooth, noise = bowl(), keys.normal(keys.key(9), (60,))
    found, lost = (info_of(KernelRidge(), one) for one in (smooth, replace(smooth, y=noise)))
    assert found["ridge"] < 0.01
    assert found["lengthscale"] >= 1
    assert lost["ridge"] > 0.3
    assert found["likelihood"] > lost["likelihood"]
    assert info_of(KernelRidge(kernel="ntk"), smooth).keys() == found.keys() - {"lengthscale"}


def test_the_amplitude_is_the_most_likely(bowl):
    """Scores that are 3 times as large have 3 times the uncertainty, and the same mean but for the factor."""
    data, stage = bowl(), KernelRidge()
    larger = replace(data, y=3 * data.y)
    one, other = (stage.predict(state_of(stage, rows), data.x + 0.3) for rows in (data, larger))
    torch.testing.assert_close(other.mean, 3 * one.mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(other.std, 3 * one.std)
    kernel, rows = Kernel("rbf"), fitted_rows(KEY, data, 60)
    best = tuned(kernel, rows, 1.0, 0.01)
    noisy = best.amplitude * (kernel.between(rows.x, rows.x, best.lengthscale) + best.ridge * torch.eye(60))
    none = torch.zeros(60, dtype=torch.float64)
    normals = [torch.distributions.MultivariateNormal(none, times * noisy) for times in (0.8, 1.0, 1.25)]
    likely = [normal.log_prob(rows.y) for normal in normals]
    assert likely[1] == max(likely)
    torch.testing.assert_close(best.likelihood, likely[1])


def test_the_choice_is_the_best_of_the_grid(bowl):
    rows = fitted_rows(KEY, bowl(), 60)
    best = tuned(Kernel("rbf"), rows, 1.0, 0.01)
    others = [fit(Kernel("rbf"), rows, size, noise) for size in (0.25, 1.0, 4.0) for noise in (1e-4, 1e-2, 1.0)]
    assert best.likelihood >= max(one.likelihood for one in others)


@pytest.mark.parametrize(("lengthscale", "flagged"), [(1.0, 0), (0.02, 1), (100.0, 1)])
def test_a_kernel_that_tells_nothing_is_noted(bowl, lengthscale, flagged):
    assert info_of(KernelRidge(tune=False, lengthscale=lengthscale), bowl())["no_use"] == flagged


def test_part_of_many_rows_is_fitted(bowl):
    data = bowl()
    rows = fitted_rows(KEY, data, 20)
    best = data.y.sort(descending=True).values
    assert rows.y[:2].tolist() == best[:2].tolist()
    assert len(set(map(tuple, rows.x.tolist()))) == 20
    assert not torch.equal(rows.x, fitted_rows(keys.key(4), data, 20).x)
    assert info_of(KernelRidge(rows=20), data)["left_out"] == 40
    assert info_of(KernelRidge(rows=60), data)["left_out"] == 0


def test_two_levels_are_one_apart():
    """In a mixed space the shares of levels are scaled, and the numbers are not."""
    data = encode_table(Columns(), (0,), tiny_task("mixed").table).first
    scale = scale_of(data.space)
    levels = torch.eye(3, dtype=torch.float64) * scale[-3:]
    assert (levels[0] - levels[1]).norm().item() == pytest.approx(1)
    assert scale[:-3].tolist() == [1.0] * (len(scale) - 3)


def test_only_coefficients_are_weights(bowl):
    data, stage = bowl(), KernelRidge()
    state = state_of(stage, data)
    model = stage.model(state)
    assert model.predict(2 * state.params, data.x).mean.tolist() == pytest.approx(
        (2 * stage.predict(state, data.x).mean).tolist(), rel=1e-5
    )
    batch = Batch(data.x, data.y, torch.ones(60))
    assert model.loss(state.params, batch) < model.loss(0 * state.params, batch)


@pytest.mark.parametrize("kernel", ["rbf", "ntk"])
def test_gradients_agree_with_differences(bowl, kernel):
    data, stage = bowl(), KernelRidge(kernel=kernel)
    state = state_of(stage, data)

    def mean(x):
        return stage.predict(state, x[None]).mean[0]

    at, small = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64), 1e-6
    slope = grad(mean)(at)
    for place, one in enumerate(torch.eye(3, dtype=torch.float64)):
        difference = (mean(at + small * one) - mean(at - small * one)) / (2 * small)
        assert slope[place].item() == pytest.approx(difference.item(), rel=1e-5)
    assert grad(mean)(data.x[0]).isfinite().all()


def test_seeds_together_equal_seeds_alone(bowl):
    data, stage, seeds = bowl(), KernelRidge(rows=30), keys.split(KEY, 3)
    together = vmap(lambda key: stage.predict(stage.init(key, data)[0], data.x), randomness="error")(seeds)
    for number, key in enumerate(seeds):
        alone = stage.predict(stage.init(key, data)[0], data.x)
        torch.testing.assert_close(together.mean[number], alone.mean)
        torch.testing.assert_close(together.std[number], alone.std)
