"""The kernels have their published values, are kernels, and have finite gradients."""

from __future__ import annotations

import pytest
import torch
from mbo_kernel.kernels import Kernel, ntk
from torch.autograd import gradcheck
from torch.func import grad

from mbo_core.functional import keys

X = keys.normal(keys.key(1), (12, 3)).double()
ONE, OTHER = torch.eye(2, dtype=torch.float64)
KERNELS = [Kernel("rbf"), Kernel("ntk"), Kernel("ntk", bias=True)]
IDS = ["rbf", "ntk", "ntk with bias"]


@pytest.mark.parametrize(
    ("design", "value"), [(ONE, 0.09375), (OTHER, 0.02800306), (-ONE, 0.02234985)], ids=["itself", "across", "opposite"]
)
def test_the_tangent_kernel_has_these_values(design, value):
    assert ntk(ONE[None], design[None]).item() == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_the_diagonal_is_that_of_the_matrix(kernel):
    torch.testing.assert_close(kernel.between(X, X).diagonal(), kernel.diagonal(X))


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_the_matrix_is_symmetric_and_positive(kernel):
    whole = kernel.between(X, X)
    torch.testing.assert_close(whole, whole.T)
    values = torch.linalg.eigvalsh(whole)
    assert values[0] > -1e-8 * values[-1]


def test_only_without_bias_it_grows_along_rays():
    a, b = X[:4], X[4:]
    plain, biased = Kernel("ntk"), Kernel("ntk", bias=True)
    torch.testing.assert_close(plain.between(3 * a, b), 3 * plain.between(a, b))
    assert not torch.allclose(biased.between(3 * a, b), 3 * biased.between(a, b), rtol=0.01)


def test_lengthscales_are_in_roots_of_d():
    near, far = (Kernel("rbf").between(torch.zeros(1, 4), torch.ones(1, 4), scale) for scale in (1.0, 2.0))
    assert near.item() == pytest.approx(2.718281828**-0.5)
    assert far.item() == pytest.approx(2.718281828**-0.125)


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_gradients_agree_with_differences(kernel):
    assert gradcheck(lambda x: kernel.between(x, X[5:]), (X[:5].clone().requires_grad_(),), atol=1e-7)


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
@pytest.mark.parametrize("design", [X[3], 2 * X[3], -X[3], 0 * X[3]], ids=["a row", "its double", "opposite", "zero"])
def test_gradients_are_finite_at_the_rows(kernel, design):
    """Bias-free, the tangent kernel has a cusp at all designs of the same direction."""
    slope = grad(lambda x: kernel.between(x[None], X).sum() + kernel.diagonal(x[None]).sum())(design)
    assert slope.isfinite().all()
