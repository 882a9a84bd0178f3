"""The fitted process as a model of botorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mbo_gp.kernels import Kernel, covariance

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # gpytorch compiles with torch.jit, which torch calls deprecated
    from botorch.models.model import Model
    from botorch.posteriors import GPyTorchPosterior
    from gpytorch.distributions import MultivariateNormal
    from linear_operator import to_linear_operator

if TYPE_CHECKING:
    from mbo_gp.conditioning import ProcessState


class Process(Model):  # type: ignore[misc]
    """A fitted process: the joint posterior of the scores without noise, of designs in any coordinates.

    Args:
        kernel: the kind of kernel.
        state: the fitted process.
        encode: coordinates (..., s) to encoded designs (..., d).
    """

    def __init__(self, kernel: Kernel, state: ProcessState, encode: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.kernel, self.state, self.encode = kernel, state, encode or (lambda x: x)

    num_outputs = 1
    batch_shape = torch.Size()

    def along(self, encode: Callable[[Tensor], Tensor]) -> Process:
        """The same process in other coordinates."""
        return Process(self.kernel, self.state, encode)

    def posterior(self, X: Tensor, *_: Any, **__: Any) -> GPyTorchPosterior:
        """The joint posterior of designs (..., n, s)."""
        state = self.state
        z = state.layout.features(self.encode(X))
        k = covariance(self.kernel, state.hyper, state.layout, z, state.x)
        own = covariance(self.kernel, state.hyper, state.layout, z, z)
        known, shared = k @ state.known.mT, k @ state.shared.mT
        # As an operator it is factorised with jitter, where designs are nearly the same.
        joint = to_linear_operator(own - known @ known.mT + shared @ shared.mT)
        return GPyTorchPosterior(MultivariateNormal(state.hyper.mean + k @ state.weights, joint))
