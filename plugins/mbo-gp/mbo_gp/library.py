"""Botorch without its warnings: what breaks down, exact arithmetic, and the search for a batch in a box."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from mbo_gp.records import Effort

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # gpytorch compiles with torch.jit, which torch calls deprecated
    from botorch.exceptions.errors import CandidateGenerationError, InfeasibilityError, OptimizationGradientError
    from botorch.optim import optimize_acqf
    from gpytorch import settings
    from linear_operator.utils.errors import NanError, NotPSDError

NUMERICAL = (
    CandidateGenerationError,
    InfeasibilityError,  # of designs drawn within sums that leave hardly any room
    NanError,
    NotPSDError,
    OptimizationGradientError,
    torch.linalg.LinAlgError,  # type: ignore[attr-defined]
)
"""The library's errors for a numerical breakdown; any other error is a bug."""


@contextmanager
def exactly() -> Iterator[None]:
    """Silence the library, and factorise covariances of any size by Cholesky.

    Warnings are only hidden from the user: the library itself restarts a fit when it sees some of them.
    """
    with warnings.catch_warnings(record=True), settings.max_cholesky_size(1 << 20):
        warnings.simplefilter("always")
        yield


def jointly(acquisition: Any, box: Tensor, batch: int, effort: Effort, **more: Any) -> tuple[Tensor, Tensor]:
    """The batch (q, d) in the box with the largest acquisition value, optimised jointly; and that value, ().

    Args:
        acquisition: of botorch.
        box: (2, d) the smallest and the largest value of each coordinate.
        batch: designs to find, q.
        effort: of the search.
        more: of `optimize_acqf`, such as linear constraints.
    """
    x, value = optimize_acqf(
        acquisition,
        bounds=box,
        q=batch,
        num_restarts=effort.restarts,
        raw_samples=effort.raw_samples,
        options={"batch_limit": effort.at_once, "maxiter": effort.iterations},
        **more,
    )
    return x, value
