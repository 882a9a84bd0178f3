"""A round's search: fit the Gaussian process, and find the batch with the largest q-expected improvement."""

from __future__ import annotations

import warnings

import torch
from mbo_gp.library import NUMERICAL, exactly, jointly
from mbo_gp.records import Effort
from torch import Tensor

from mbo_bo_qei.gp import fitted, hyperparameters
from mbo_bo_qei.records import Found, Hyperparameters, Observed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from botorch.acquisition import qExpectedImprovement
    from botorch.models import SingleTaskGP
    from botorch.sampling import SobolQMCNormalSampler


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


def expected_improvement(model: SingleTaskGP, best: Tensor, samples: int) -> qExpectedImprovement:
    """The expected improvement of batches (..., q, d) on the best target, (...).

        qEI(X) = E max(0, max_j xi_j - best),   xi ~ the posterior at X, without noise

    over samples of a Sobol sequence, drawn once and moved with the posterior (Wilson et al., 2017).
    """
    return qExpectedImprovement(model, best, SobolQMCNormalSampler(torch.Size([samples])))


def proposal(model: SingleTaskGP, best: Tensor, box: Tensor, batch: int, effort: Effort) -> tuple[Tensor, Tensor]:
    """The batch (q, d) in the box with the largest expected improvement, optimised jointly; and that value, ()."""
    return jointly(expected_improvement(model, best, effort.samples), box, batch, effort)
