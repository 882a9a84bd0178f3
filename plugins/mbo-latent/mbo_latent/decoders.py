"""From latents to distributions of designs: a category at each position, or normal coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from mbo_core.functional import keys
from mbo_core.functional.embedding import Embedding
from mbo_core.functional.nets import (
    MLP,
    GaussianParams,
    Layers,
    bounded_std,
    gaussian_nll,
    gaussian_params,
    layers_of,
)
from mbo_core.stages import Key, Params, Prediction

Bounds: TypeAlias = Literal["trained", "frozen"]
"""Whether the two bounds of a standard deviation are trained with the weights."""


class Decoder(Protocol):
    """The contract of a `VAE`'s decoder; x is (n, d) and z (n, latent)."""

    def init(self, key: Key, latent: int) -> Params:
        """Draw the weights."""

    def log_likelihood(self, params: Any, z: Tensor, x: Tensor) -> Tensor:
        """Log p(x | z), summed over positions or coordinates, (n,)."""

    def sample(self, key: Key, params: Any, z: Tensor) -> Tensor:
        """Draw one design per latent, (n, d)."""

    def mode(self, params: Any, z: Tensor) -> Tensor:
        """The most likely design of each latent, (n, d)."""


@dataclass(frozen=True)
class Categorical:
    """Independent categories at the positions of one-hot designs, d = length * classes.

    Attributes:
        length: positions of a design, L.
        classes: tokens at each position, K.
        hidden: width of each hidden layer; their slope below zero is 0.3.
    """

    length: int
    classes: int
    hidden: tuple[int, ...]

    def init(self, key: Key, latent: int) -> Layers:
        """Glorot-uniform weights."""
        return self._net.init(key, latent)

    def log_likelihood(self, params: Layers, z: Tensor, x: Tensor) -> Tensor:
        """The sum over positions of the token's log-probability, (n,)."""
        return (log_softmax(self.logits(params, z), -1) * self._tokens(x)).sum((-2, -1))

    def sample(self, key: Key, params: Layers, z: Tensor) -> Tensor:
        """Draw a token at each position, as one-hot rows (n, d)."""
        return self._one_hot(keys.categorical(key, self.logits(params, z)))

    def mode(self, params: Layers, z: Tensor) -> Tensor:
        """The most likely token at each position, as one-hot rows (n, d)."""
        return self._one_hot(self.logits(params, z).argmax(-1))

    def logits(self, params: Layers, z: Tensor) -> Tensor:
        """Unnormalised log-probabilities (n, L, K)."""
        return self._tokens(self._net.apply(params, z))

    @property
    def _net(self) -> MLP:
        return MLP(self.hidden, self.length * self.classes)

    def _tokens(self, flat: Tensor) -> Tensor:
        return flat.reshape(*flat.shape[:-1], self.length, self.classes)

    def _one_hot(self, tokens: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(tokens, self.classes).flatten(-2).float()


@dataclass(frozen=True)
class Gaussian:
    """Independent normal coordinates of real designs, each with a bounded standard deviation.

    Attributes:
        width: coordinates of a design, d.
        hidden: width of each hidden layer; their slope below zero is 0.3.
        std_bounds: exp(a_min) and exp(a_max) at the start; a standard deviation then lies between the first and
            the sum of the two, see `mbo_core.functional.nets.bounded_std`.
        bounds: whether a_min and a_max are trained.
    """

    width: int
    hidden: tuple[int, ...]
    std_bounds: tuple[float, float] = (0.1, 0.2)
    bounds: Bounds = "trained"

    def init(self, key: Key, latent: int, embedding: Embedding | None = None) -> GaussianParams:
        """Glorot-uniform weights, and the bounds at their start."""
        return gaussian_params(self._net, key, latent, self.std_bounds, embedding)

    def log_likelihood(self, params: GaussianParams, z: Tensor, x: Tensor) -> Tensor:
        """The sum over coordinates of the normal log-density, (n,)."""
        return -gaussian_nll(self.normal(params, z), x).sum(-1)

    def sample(self, key: Key, params: GaussianParams, z: Tensor) -> Tensor:
        """Draw each coordinate, (n, d)."""
        return drawn(key, self.normal(params, z))

    def mode(self, params: GaussianParams, z: Tensor) -> Tensor:
        """The means, (n, d)."""
        return self.normal(params, z).mean

    def normal(self, params: GaussianParams, z: Tensor) -> Prediction:
        """Mean and standard deviation of each coordinate, (n, d) each."""
        mean, raw = self._net.apply(layers_of(params), z).chunk(2, -1)
        ends = params["upper"], params["lower"]
        if self.bounds == "frozen":
            ends = ends[0].detach(), ends[1].detach()
        return Prediction(mean, bounded_std(raw, *ends))

    @property
    def _net(self) -> MLP:
        return MLP(self.hidden, 2 * self.width)


def drawn(key: Key, normal: Prediction) -> Tensor:
    """One draw from each normal distribution, in the shape of its mean."""
    return normal.mean + normal.std * keys.normal(key, normal.mean.shape)
