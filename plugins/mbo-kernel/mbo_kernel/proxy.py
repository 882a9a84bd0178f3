"""The proxy `kernel-ridge`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.functional import batches
from mbo_core.stages import Ability, Batch, Data, Info, Key, Model, Prediction, Proxy, Schedule, option
from mbo_kernel.kernels import Kernel, KernelName
from mbo_kernel.ridge import Fit, fit, tuned, variance
from mbo_kernel.rows import Rows, fitted_rows, scale_of

SMALLEST = 1e-12
"""Rounding makes a variance no smaller than this."""
ALIKE = (1e-3, 0.999)
"""A kernel is of no use if the median correlation of two rows is outside these."""
LOOKED_AT = 200
"""Rows whose correlations are looked at."""


class KernelState(NamedTuple):
    """The fit, of which only the coefficients are weights."""

    params: Tensor
    """(m,) float64 the coefficient of each row"""
    rows: Rows
    fitted: Fit
    scale: Tensor
    """(d,) float64 what the coordinates of a design are multiplied by"""


@dataclass(frozen=True, kw_only=True)
class KernelRidge(Proxy):
    """Kernel ridge regression: the posterior of a Gaussian process whose mean is that of the scores, fitted at once.

    With the kernel matrix K of m rows, `mean(x) = k(x, X) (K + ridge I)^-1 y` and
    `var(x) = k(x, x) - k(x, X) (K + ridge I)^-1 k(X, x)`, in float64 (Rasmussen and Williams, "Gaussian processes for
    machine learning", 2006, chapter 2). A row's noise is divided by its weight, so that the mean of r measurements
    counts as these.
    """

    kernel: KernelName = option(
        "rbf", 'Gaussian, or "ntk": the neural tangent kernel of 5 hidden ReLU layers, without a lengthscale'
    )
    bias: bool = option(False, "of the kernel ntk: append a constant 1 to each design")
    lengthscale: float = option(1.0, "of the kernel rbf, in units of sqrt(d)", above=0.0)
    ridge: float = option(0.01, "noise variance, in units of the mean of the kernel's diagonal", above=0.0)
    tune: bool = option(
        True,
        "choose among 1/4 to 4 times the lengthscale and 1/100 to 100 times the ridge, and the size of the uncertainty,"
        " by the marginal likelihood",
    )
    rows: int = option(
        2000,
        "number of rows to fit, all if fewer; else a tenth of them are the best, and the others random",
        at_least=2,
    )

    name: ClassVar[str] = "kernel-ridge"
    infos: ClassVar[Mapping[str, str]] = {
        "lengthscale": "of the kernel rbf, in units of sqrt(d)",
        "ridge": "the noise variance of a row, in squared standard deviations of the scores",
        "likelihood": "the logarithm of the marginal likelihood, per row",
        "left_out": "number of rows that were not fitted",
        "no_use": "1 if the kernel takes most rows for equal, or for unrelated",
    }
    notes: ClassVar[Mapping[str, str]] = {
        "left_out": "the proxy was fitted to part of the rows: see the option rows",
        "no_use": "the kernel takes most rows for equal, or for unrelated: change the lengthscale",
    }
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "gradients", "uncertainty", "params"})

    def schedule(self, data: Data) -> Schedule:
        """No epochs: `init` fits it.

        Raises:
            TaskError: for fewer than two rows, or rows of one design, whose likelihood has no maximum.
        """
        schedule = Schedule(epochs=0, batch_size=1)
        batches.check_rows(schedule, len(data.y))
        if bool((data.x == data.x[:1]).all()):
            raise TaskError("the data have one design, and a kernel needs two", "add rows of other designs")
        return schedule

    def init(self, key: Key, data: Data) -> tuple[KernelState, Info]:
        """Choose the rows and the hyperparameters, and factorise the kernel matrix."""
        rows = fitted_rows(key, data, self.rows)
        found = (tuned if self.tune else fit)(self._kernel, rows, self.lengthscale, self.ridge)
        info = {
            "ridge": found.amplitude * found.ridge,
            "likelihood": found.likelihood / len(rows.y),
            "left_out": torch.full_like(found.ridge, len(data.y) - len(rows.y)),
            "no_use": self._no_use(rows, found),
        }
        if self.kernel == "rbf":
            info["lengthscale"] = found.lengthscale
        state = KernelState(found.coefficients, rows, found, scale_of(data.space))
        return state, {name: value.float() for name, value in info.items()}

    def predict(self, state: KernelState, x: Tensor) -> Prediction:
        """Posterior mean, and the standard deviation without noise."""
        return self._predict(state, state.params, x)

    def model(self, state: KernelState) -> Model:
        """Prediction and squared error as functions of the coefficients; the rows stay."""

        def loss(params: Tensor, batch: Batch) -> Tensor:
            return (batch.w * (self._predict(state, params, batch.x).mean - batch.y) ** 2).mean()

        return Model(lambda params, x: self._predict(state, params, x), loss)

    def _predict(self, state: KernelState, params: Tensor, x: Tensor) -> Prediction:
        scaled = x.double() * state.scale
        between = self._kernel.between(scaled, state.rows.x, state.fitted.lengthscale)
        spread = variance(state.fitted, state.rows, between, self._kernel.diagonal(scaled))
        return Prediction((between @ params).to(x.dtype), spread.clamp(min=SMALLEST).sqrt().to(x.dtype))

    def _no_use(self, rows: Rows, found: Fit) -> Tensor:
        few = rows.x[-LOOKED_AT:]
        root = self._kernel.diagonal(few).clamp(min=SMALLEST).sqrt()
        alike = self._kernel.between(few, few, found.lengthscale) / (root[:, None] * root)
        least, most = ALIKE
        first, second = torch.triu_indices(len(few), len(few), 1, device=few.device)
        median, (least, most) = alike[first, second].median(), ALIKE
        return ((median < least) | (median > most)).to(median.dtype)

    @property
    def _kernel(self) -> Kernel:
        return Kernel(self.kernel, self.bias)
