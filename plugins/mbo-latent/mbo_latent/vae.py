"""A variational autoencoder as functions, trained by weighted evidence: the model of CbAS and of `latent`.

Everything is for one network and draws only from keys, so it is lifted with `torch.func.vmap` like all else.

>>> from mbo_core.functional import keys
>>> vae = VAE(Gaussian(width=6, hidden=(64,)), latent=2)
>>> state = vae.start(keys.key(0), width=6)
>>> state, loss = vae.step(state, noise=torch.zeros(8, 2), x=torch.zeros(8, 6), w=torch.ones(8))
>>> vae.sample(keys.key(2), state.params, count=3).shape
torch.Size([3, 6])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, TypedDict

import torch
from torch import Tensor
from torch.func import grad_and_value

from mbo_core.functional import batches, keys
from mbo_core.functional.embedding import Embedding
from mbo_core.functional.nets import GaussianParams
from mbo_core.functional.optim import Adam, AdamState
from mbo_core.stages import EncodedSpace, Key, Params, Prediction, Schedule
from mbo_latent.decoders import Bounds, Categorical, Decoder, Gaussian

EncoderStd: TypeAlias = Literal["softplus", "exp"]
"""How the encoder makes a standard deviation of its bounded output: see `VAE`."""

ROWS_AT_ONCE = 4096
"""Rows of data that go through a network together where all of them are asked for."""

BATCHES_AT_ONCE = 32
"""Batches for which rows are gathered and noise is drawn together."""


class VAEParams(TypedDict):
    """The weights of a `VAE`."""

    encoder: GaussianParams
    decoder: Params


class VAEState(NamedTuple):
    """Weights, and what Adam remembers."""

    params: VAEParams
    optimiser: AdamState


@dataclass(frozen=True)
class VAE:
    """A variational autoencoder with the prior N(0, I) on its latents.

    Kingma and Welling, "Auto-encoding variational Bayes", 2014, with a weight on the divergence (Higgins et al.,
    2017) and one on each design (Brookes, Park and Listgarten, 2019):

        mean_i w_i [ -log p(x_i | z_i) + beta * KL( N(m_i, s_i^2) || N(0, I) ) ],   z_i = m_i + s_i * noise

    With l the output between two soft bounds (`nets.bounded_std` before its exponential), `exp` makes the
    encoder's std e^l and `softplus` ln(1 + e^l). The latter is what design-baselines runs, though its decoder and
    its proxies take e^l of the same l; it narrows the range (0.1, 0.3) to (0.095, 0.262).

    Attributes:
        decoder: the distribution of a design given its latent.
        latent: coordinates of z.
        hidden: width of each hidden layer of the encoder; their slope below zero is 0.3.
        beta: weight of the divergence.
        learning_rate: of Adam.
        encoder_std: see above.
        std_bounds: e^a_min and e^a_max of the encoder at the start.
        bounds: whether a_min and a_max of the encoder are trained.
    """

    decoder: Decoder
    latent: int = 32
    hidden: tuple[int, ...] = (256,)
    beta: float = 1.0
    learning_rate: float = 3e-4
    encoder_std: EncoderStd = "exp"
    std_bounds: tuple[float, float] = (0.1, 0.2)
    bounds: Bounds = "trained"

    def start(self, key: Key, width: int, embedding: Embedding | None = None) -> VAEState:
        """Untrained weights for designs of `width` coordinates, and a fresh Adam; the encoder may embed tokens."""
        first, second = keys.split(key)
        encoder, decoder = self._encoder.init(first, width, embedding), self.decoder.init(second, self.latent)
        return self.resume(VAEParams(encoder=encoder, decoder=decoder))

    def resume(self, params: VAEParams) -> VAEState:
        """Weights with a fresh Adam."""
        return VAEState(params, self._adam.init(params))

    def encode(self, params: VAEParams, x: Tensor) -> Prediction:
        """The posterior of each design: mean and std (n, latent); the mean is the deterministic code."""
        mean, std = self._encoder.normal(params["encoder"], x)
        # softplus(l) of the bounded l is log(1 + exp(l)), and std is exp(l) here.
        return Prediction(mean, torch.log1p(std) if self.encoder_std == "softplus" else std)

    def log_likelihood(self, params: VAEParams, z: Tensor, x: Tensor) -> Tensor:
        """Log p(x | z), (n,), of designs (n, d) given latents (n, latent)."""
        return self.decoder.log_likelihood(params["decoder"], z, x)

    def prior(self, key: Key, count: int) -> Tensor:
        """Draw latents from N(0, I), (count, latent)."""
        return keys.normal(key, (count, self.latent))

    def sample(self, key: Key, params: VAEParams, count: int) -> Tensor:
        """Draw designs, (count, d): latents of the prior, then a draw from the decoder, not its mode."""
        latent_key, design_key = keys.split(key)
        return self.decode(design_key, params, self.prior(latent_key, count))

    def decode(self, key: Key, params: VAEParams, z: Tensor) -> Tensor:
        """Draw one design for each latent, (n, d)."""
        return self.decoder.sample(key, params["decoder"], z)

    def mode(self, params: VAEParams, z: Tensor) -> Tensor:
        """The likeliest design of each latent, (n, d)."""
        return self.decoder.mode(params["decoder"], z)

    def loss(self, params: VAEParams, noise: Tensor, x: Tensor, w: Tensor) -> Tensor:
        """The weighted mean over n designs, (), not divided by the sum of w; `noise` (n, latent) makes the latents."""
        posterior = self.encode(params, x)
        z = posterior.mean + posterior.std * noise
        return (w * (self.beta * divergence(posterior) - self.log_likelihood(params, z, x))).mean()

    def step(self, state: VAEState, noise: Tensor, x: Tensor, w: Tensor) -> tuple[VAEState, Tensor]:
        """One step of Adam on n designs with weights (n,), and the loss before it."""
        grads, loss = grad_and_value(self.loss)(state.params, noise, x, w)
        return VAEState(*self._adam.step(state.params, grads, state.optimiser)), loss

    @property
    def _encoder(self) -> Gaussian:
        return Gaussian(self.latent, self.hidden, self.std_bounds, self.bounds)

    @property
    def _adam(self) -> Adam:
        return Adam(self.learning_rate)


def divergence(posterior: Prediction) -> Tensor:
    """KL( N(mean, std^2) || N(0, I) ) of each row, (n, latent) to (n,).

    >>> divergence(Prediction(torch.tensor([[2.0, 0.0]]), torch.ones(1, 2)))
    tensor([2.])
    """
    mean, std = posterior
    return 0.5 * (mean**2 + std**2 - 1 - 2 * std.log()).sum(-1)


def decoder_for(space: EncodedSpace, hidden: tuple[int, ...]) -> Decoder:
    """The decoder that fits a space: categories for one-hot designs, else normal coordinates."""
    if space.representation == "one-hot":
        length, classes = space.shape
        return Categorical(length, classes, hidden)
    return Gaussian(len(space.lower), hidden)


def fit(vae: VAE, key: Key, state: VAEState, x: Tensor, w: Tensor, schedule: Schedule) -> tuple[VAEState, Tensor]:
    """Train on designs (N, d) with weights (N,) through the epochs of a schedule without members.

    Returns:
        The state, and the mean loss of the last epoch's steps, (); 0 without epochs.

    Raises:
        TaskError: if the rows are too few for the schedule.
    """
    losses = w.new_zeros(1)
    for epoch in batches.epochs(key, len(x), schedule):
        state, losses = _epoch(vae, state, x, w, epoch)
    return state, losses.mean()


def _epoch(vae: VAE, state: VAEState, x: Tensor, w: Tensor, epoch: batches.Epoch) -> tuple[VAEState, Tensor]:
    losses, rows = [], epoch.order.rows
    for first in range(0, len(epoch.parts), BATCHES_AT_ONCE):
        parts = epoch.parts[first : first + BATCHES_AT_ONCE]
        begin = parts[0].start
        block = rows[begin : parts[-1].stop]
        # Rows and noise for many steps at once: a draw of its own for each would take longer than the step.
        designs, weights = x[block], w[block]
        noise = keys.normal(epoch.key(first), (len(block), vae.latent))
        for part in (slice(one.start - begin, one.stop - begin) for one in parts):
            state, loss = vae.step(state, noise[part], designs[part], weights[part])
            losses.append(loss)
    return state, torch.stack(losses)
