"""The Gaussian process, with every default of the library pinned, as they have changed before.

Matern's kernel with nu = 5/2 and a lengthscale for each coordinate, times a scale, about a constant mean:

    k(x, x') = s (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r),   r^2 = sum_i (x_i - x'_i)^2 / l_i^2

with priors Gamma(3, 6) on each l_i and Gamma(2, 0.15) on s, and noise of known variance. These are the defaults of
botorch 0.3.3, with which the published runs were made.
"""

from __future__ import annotations

import warnings
from contextlib import suppress

from mbo_bo_qei.records import Hyperparameters, Observed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # gpytorch compiles with torch.jit, which torch calls deprecated
    from botorch.exceptions.errors import ModelFittingError
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.kernels import MaternKernel, ScaleKernel
    from gpytorch.means import ConstantMean
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from gpytorch.priors import GammaPrior


def unfitted(observed: Observed, start: Hyperparameters | None = None) -> SingleTaskGP:
    """The model of the observations, with the hyperparameters `start`, or ln 2 for scale and lengthscales."""
    matern = MaternKernel(nu=2.5, ard_num_dims=observed.x.shape[1], lengthscale_prior=GammaPrior(3.0, 6.0))
    model = SingleTaskGP(
        observed.x,
        observed.y[:, None],
        observed.std[:, None] ** 2,
        covar_module=ScaleKernel(matern, outputscale_prior=GammaPrior(2.0, 0.15)),
        mean_module=ConstantMean(),
        outcome_transform=None,
        input_transform=None,
    )
    if start is not None:
        # Parameters only: the priors' constants are pinned above.
        model.load_state_dict(start, strict=False)
    return model


def fitted(observed: Observed, start: Hyperparameters | None = None) -> SingleTaskGP:
    """The model of the observations, fitted from `start` by L-BFGS on likelihood and priors.

    If L-BFGS finds no step, from there or from four draws of the priors, the parameters stay unchanged. Older versions
    of the library continued from the last draw; the current one raises an error.
    """
    model = unfitted(observed, start)
    with suppress(ModelFittingError):
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model.eval()


def hyperparameters(model: SingleTaskGP) -> Hyperparameters:
    """A model's hyperparameters, as the start of another fit."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
