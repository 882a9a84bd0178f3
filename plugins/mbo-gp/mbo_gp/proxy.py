"""The proxy `gaussian-process`: exact for few rows, by inducing points for many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages import Ability, Data, Info, Key, Prediction, Proxy, Schedule, option
from mbo_gp.conditioning import AT_ONCE, ProcessState, exact, induced, inducing
from mbo_gp.fit import NoisePrior, Rows, most_likely
from mbo_gp.kernels import Kernel, covariance
from mbo_gp.layout import layout

if TYPE_CHECKING:
    from mbo_gp.posterior import Process


@dataclass(frozen=True, kw_only=True)
class GaussianProcess(Proxy):
    """A Gaussian process with a constant mean and Matern kernels, whose hyperparameters are the most likely.

    The noise of a row is the noise divided by its weight, so that a design measured four times counts as such. All
    arithmetic is in float64. With more rows than `rows` the process knows all of them through that many inducing points
    (Titsias 2009, the collapsed bound's posterior), and the hyperparameters are those of a random subset.
    """

    kernel: Kernel = option(
        "product",
        "of all columns together; additive, one term a column; or mixed, one for numbers and one for levels",
    )
    noise: float | None = option(None, "variance of the noise of a row of weight 1; by default learned", at_least=1e-8)
    noise_prior: NoisePrior = option(
        "little", "of a learned noise: little is botorch's; flat leaves the noise to the likelihood, for noisy scores"
    )
    rows: int = option(2000, "rows for an exact process; with more rows, as many inducing points", at_least=1)
    likelihood_rows: int = option(2000, "the most rows, drawn at random, for the marginal likelihood", at_least=1)
    iterations: int = option(200, "the most iterations of L-BFGS-B for the hyperparameters", at_least=1)

    name: ClassVar[str] = "gaussian-process"
    abilities: ClassVar[frozenset[Ability]] = frozenset({"values", "gradients", "uncertainty", "mbo-gp:posterior"})  # type: ignore[arg-type]
    lift = "loop"
    infos: ClassVar[Mapping[str, str]] = {
        "likelihood": "the log marginal likelihood a row, of the rows that it was taken of",
        "noise": "the variance of the noise of a row of weight 1, in standardised scores",
        "scale": "the variance of the process, the sum over the terms of the kernel",
        "shortest": "the shortest lengthscale, in units of a column's range",
        "longest": "the longest lengthscale",
        "through": "rows that are known through inducing points only",
        "unlikely": "rows that the marginal likelihood does not see",
    }
    notes: ClassVar[Mapping[str, str]] = {
        "through": "more rows than the option rows: the process knows the data through that many inducing points",
        "unlikely": "more rows than the option likelihood_rows: the hyperparameters are those of a random subset",
    }

    def schedule(self, data: Data) -> Schedule:
        """No epochs: `init` fits it; one row tells nothing of the scales."""
        if len(data.y) < 2:
            raise TaskError("the data have one row, and a Gaussian process needs two", "give more rows")
        return Schedule(epochs=0, batch_size=1)

    def init(self, key: Key, data: Data) -> tuple[ProcessState, Info]:
        """Fit the hyperparameters, then the posterior."""
        place = layout(data)
        every = Rows(place.features(data.x), data.y.double(), data.w.double())
        order = keys.permutation(key, len(data.y))
        seen = Rows(*(part[order[: self.likelihood_rows]] for part in every))
        hyper, likelihood = most_likely(self.kernel, place, seen, self.noise, self.noise_prior, self.iterations)
        if len(data.y) > self.rows:
            state = induced(self.kernel, place, hyper, every, inducing(every, order, self.rows))
        else:
            state = exact(self.kernel, place, hyper, every)
        lengths = hyper.lengthscales
        told = (likelihood / len(seen.y), hyper.noise, hyper.scales.sum(), lengths.min(), lengths.max())
        left = (max(0, len(data.y) - most) for most in (self.rows, self.likelihood_rows))
        values = [*told, *(hyper.noise.new_tensor(count) for count in left)]
        return state, {name: value.float() for name, value in zip(self.infos, values, strict=True)}

    def predict(self, state: ProcessState, x: Tensor) -> Prediction:
        """The posterior mean and standard deviation of the score without noise."""
        parts = [self._predicted(state, state.layout.features(part)) for part in torch.split(x, AT_ONCE)]
        mean, std = (torch.cat(one).to(x.dtype) for one in zip(*parts, strict=True))
        return Prediction(mean, std)

    def posterior(self, state: ProcessState) -> Process:
        """The process as a model of botorch, for encoded designs: the ability `mbo-gp:posterior`."""
        from mbo_gp.posterior import Process

        return Process(self.kernel, state)

    def _predicted(self, state: ProcessState, z: Tensor) -> tuple[Tensor, Tensor]:
        k = covariance(self.kernel, state.hyper, state.layout, z, state.x)
        learned = (k @ state.known.mT).square().sum(-1) - (k @ state.shared.mT).square().sum(-1)
        variance = state.hyper.scales.sum() - learned
        return state.hyper.mean + k @ state.weights, variance.clamp_min(1e-12).sqrt()
