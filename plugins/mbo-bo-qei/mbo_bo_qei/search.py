"""A round's search: fit the Gaussian process, and find the batch with the largest q-expected improvement."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from mbo_bo_qei.gp import fitted, hyperparameters
from mbo_bo_qei.records import Effort, Found, Hyperparameters, Observed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from botorch.acquisition import qExpectedImprovement
    from botorch.exceptions.errors import CandidateGenerationError, OptimizationGradientError
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf
    from botorch.sampling import SobolQMCNormalSampler
    from gpytorch import settings
    from linear_operator.utils.errors import NanError, NotPSDError

NUMERICAL = (
    CandidateGenerationError,
    NanError,
    NotPSDError,
    OptimizationGradientError,
    torch.linalg.LinAlgError,  # type: ignore[attr-defined]
)
"""The library's errors for a numerical breakdown; any other error is a bug."""


def search(observed: Observed, box: Tensor, start: Hyperparameters | None, batch: int, effort: Effort) -> Found | None:
    """One round.

    Args:
        observed: what the Gaussian process is fitted to.
        box: (2, d) the smallest and the largest value of each coordinate.
        start: where the fit starts from.
        batch: designs to find, q.
        effort: of the search.

    Returns:
        The batch, or None after a numerical breakdown.
    """
    with exactly():
        try:
            model = fitted(observed, start)
            x, value = proposal(model, observed.y.max(), box, batch, effort)
        except NUMERICAL:
            return None
    return Found(x, value, hyperparameters(model))


@contextmanager
def exactly() -> Iterator[None]:
    """Silence the library, and factorise covariances of any size by Cholesky.

    Warnings are only hidden from the user: the library itself restarts a fit when it sees some of them.
    """
    with warnings.catch_warnings(record=True), settings.max_cholesky_size(1 << 20):
        warnings.simplefilter("always")
        yield


def expected_improvement(model: SingleTaskGP, best: Tensor, samples: int) -> qExpectedImprovement:
    """The expected improvement of batches (..., q, d) on the best target, (...).

        qEI(X) = E max(0, max_j xi_j - best),   xi ~ the posterior at X, without noise

    over samples of a Sobol sequence, drawn once and moved with the posterior (Wilson et al., 2017).
    """
    return qExpectedImprovement(model, best, SobolQMCNormalSampler(torch.Size([samples])))


def proposal(model: SingleTaskGP, best: Tensor, box: Tensor, batch: int, effort: Effort) -> tuple[Tensor, Tensor]:
    """The batch (q, d) in the box with the largest expected improvement, optimised jointly; and that value, ()."""
    x, value = optimize_acqf(
        expected_improvement(model, best, effort.samples),
        bounds=box,
        q=batch,
        num_restarts=effort.restarts,
        raw_samples=effort.raw_samples,
        options={"batch_limit": effort.at_once, "maxiter": effort.iterations},
    )
    return x, value
