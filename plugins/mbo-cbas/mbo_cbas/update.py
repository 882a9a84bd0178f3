"""The search of CbAS: a generative model of the data, refitted to its own best samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, cast

import torch
from mbo_latent.vae import ROWS_AT_ONCE, VAE, EncoderStd, VAEParams, VAEState, decoder_for, fit
from torch import Tensor

from mbo_cbas.density import LatentSource
from mbo_cbas.weights import (
    Scored,
    Weighting,
    effective,
    log_tail,
    log_weights,
    quantile,
    self_normalised,
    without_small,
)
from mbo_core.functional import batches, keys
from mbo_core.functional.embedding import embedding_for, embedding_option
from mbo_core.stages import (
    CANDIDATES,
    HELD_OUT,
    Ability,
    Data,
    EncodedSpace,
    Info,
    Key,
    Prediction,
    Proxy,
    Schedule,
    Update,
    WithMembers,
    option,
    stage_option,
)


class CbASState(NamedTuple):
    """The candidates, the two models, the threshold, and the proxy that scores samples."""

    x: Tensor
    """(candidates, d) draws of the search model."""
    prior: VAEParams
    """p, never changed."""
    search: VAEState
    """q, and its Adam state, kept over all steps."""
    threshold: Tensor
    """() gamma of the previous step; -inf before the first."""
    proxy: Any


class Samples(NamedTuple):
    """Draws of the search model."""

    x: Tensor
    """(samples, d)"""
    log_ratio: Tensor
    """(samples,) ln p(x | z) - ln q(x | z), at the latent from which x was drawn."""


@dataclass(frozen=True, kw_only=True)
class CbAS(Update):
    """Conditioning by adaptive sampling: a model of the data, moved to where the proxy predicts high scores.

    Brookes, Park and Listgarten, "Conditioning by adaptive sampling for robust design", ICML 2019
    (arXiv:1901.10060). With p the prior, an autoencoder of the data, and q the search model, which starts as its
    copy, each step

    1. draws samples x_j from q, and takes for gamma a quantile of their predicted scores;
    2. weights them by w_j = p(x_j | z_j) / q(x_j | z_j) * P(score >= gamma | x_j), with the z_j that made x_j in both;
    3. refits q to them by weighted evidence, `mean_j w_j [ -log q(x_j | z) + beta * KL ]`.

    The released code (design-baselines) neither normalises nor clips w, which is 0 for nearly all samples of long
    designs: then q stays. See the infos `weight`, its mean, and `effective_samples`. One-hot designs have categories
    at their positions, all others normal coordinates.
    """

    proxy: Proxy = stage_option(
        "scores the samples; with members the tail is that of their mixture, else of one normal"
    )
    candidates: int = option(CANDIDATES, "number of designs", at_least=1, share=1)
    iterations: int = option(20, "number of steps", at_least=0)
    samples: int = option(1000, "draws of the search model per step", at_least=2)
    samples_held_out: int = option(
        200, "number of these that the search model is not refitted to: the released code's validation rows", at_least=0
    )
    quantile: float = option(
        0.8,
        "quantile of the predicted scores that is gamma, and of the improvement for cem-pi; paper 1.0 and 0.95",
        at_least=0.0,
        at_most=1.0,
    )
    monotone: bool = option(False, "never lower gamma (paper); the released code recomputes it each step")
    weighting: Weighting = option(
        "cbas",
        "dbas omits the ratio; rwr is exp(rate * score); cem-pi keeps the most likely to improve on the data",
    )
    rate: float = option(20.0, "of the weighting rwr, on standardised scores", at_least=0.0)
    cut_off: float = option(0.0, "smaller weights become 0; the paper's code has 1e-6", at_least=0.0)
    normalise: bool = option(False, "scale the weights of a step to average 1, so that they cannot all vanish")
    latent: int = option(32, "coordinates of z", at_least=1)
    hidden: tuple[int, ...] = option((256,), "width of each hidden layer of encoder and decoder", at_least=1)
    embedding: int | None = embedding_option()
    beta: float = option(1.0, "weight of the divergence from N(0, I) in both fits", at_least=0.0)
    encoder_std: EncoderStd = option(
        "softplus", "std from the bounded output: softplus is a bug of the released code; exp is what its decoder uses"
    )
    learning_rate: float = option(3e-4, "of Adam, for both models", at_least=0.0)
    batch_size: int = option(100, "rows per step of Adam", at_least=1)
    prior_epochs: int = option(200, "passes over the data for the prior", at_least=0)
    prior_steps: int | None = option(
        None, "gradient steps for the prior, in place of prior_epochs", at_least=1, instead_of="prior_epochs"
    )
    held_out: int = option(200, "rows of the data held out from the prior's training", at_least=0, share=HELD_OUT)
    epochs: int = option(10, "passes over a step's samples for the search model", at_least=0)

    name: ClassVar[str] = "cbas"
    from_designs: ClassVar[bool] = False
    infos: ClassVar[Mapping[str, str]] = {
        "prior_loss": "the prior's loss, the mean over the last epoch of its training before the search",
        "loss": "the search model's loss, the mean over the last epoch",
        "threshold": "gamma",
        "predicted": "the mean predicted score of the samples",
        "above": "the share of samples predicted at or above gamma",
        "tail": "the mean probability of a sample to be at or above gamma",
        "weight": "the samples' mean weight",
        "effective_samples": "the effective number of weighted samples",
    }

    def __post_init__(self) -> None:
        if self.samples - self.samples_held_out < 2:
            raise ValueError(
                f"samples_held_out={self.samples_held_out} leaves {self.samples - self.samples_held_out} of"
                f" {self.samples} samples to refit the search model to"
            )

    @property
    def needs(self) -> frozenset[Ability]:
        """Scores and their uncertainty."""
        return frozenset({"values", "uncertainty"})

    def check(self, data: Data) -> None:
        """Refuse too few rows to train the prior, and an embedding of designs that are not one-hot.

        Raises:
            TaskError: with a hint.
        """
        embedding_for(self.embedding, data.space)
        batches.check_rows(self._prior_schedule, len(data.y))

    def length(self, data: Data) -> int:
        """The number of steps."""
        return self.iterations

    def init(self, key: Key, data: Data, proxy_state: Any) -> tuple[CbASState, Info]:
        """Train the prior, and copy it for the search model."""
        start_key, fit_key, draw_key = keys.split(key, 3)
        vae, ones = self.model(data.space), torch.ones_like(data.y)
        start = vae.start(start_key, data.x.shape[1], embedding_for(self.embedding, data.space))
        trained, loss = fit(vae, fit_key, start, data.x, ones, self._prior_schedule)
        x = data.space.project(vae.sample(draw_key, trained.params, self.candidates))
        threshold = torch.full_like(data.y[0], -torch.inf)
        state = CbASState(x, trained.params, vae.resume(trained.params), threshold, proxy_state)
        return state, {"prior_loss": loss}

    def step(self, key: Key, state: CbASState, data: Data, number: int) -> tuple[CbASState, Info]:
        """Draw, weight and refit; the candidates are fresh draws of the search model."""
        sample_key, fit_key, draw_key = keys.split(key, 3)
        vae = self.model(data.space)
        samples = self.draw(sample_key, state, data)
        threshold, log_w, info = self.weigh(state, samples, data)
        schedule = Schedule(self.epochs, self.batch_size, self.samples_held_out)
        search, loss = fit(vae, fit_key, state.search, samples.x, log_w.exp(), schedule)
        x = data.space.project(vae.sample(draw_key, search.params, self.candidates))
        return state._replace(x=x, search=search, threshold=threshold), {"loss": loss, **info}

    def designs(self, state: CbASState) -> Tensor:
        """Draws of the search model: latents from N(0, I), then from the decoder's distribution."""
        return state.x

    def log_density_ratio(self, key: Key, state: CbASState, data: Data, source: LatentSource) -> Tensor:
        """The log of q(x | z) / p(x | z) at each visible design, (N,), with one draw of z for each."""
        vae = self.model(data.space)
        parts = torch.split(data.x, ROWS_AT_ONCE)
        ratios = []
        for part_key, x in zip(keys.split(key, len(parts)), parts, strict=True):
            z = vae.prior(part_key, len(x))
            if source == "encoder":
                mean, std = vae.encode(state.prior, x)
                z = mean + std * z
            ratios.append(log_ratio(vae, state.search.params, state.prior, z, x))
        return torch.cat(ratios)

    def with_proxy(self, state: CbASState, proxy_state: Any) -> CbASState:
        """The state with the proxy's state replaced."""
        return state._replace(proxy=proxy_state)

    def model(self, space: EncodedSpace) -> VAE:
        """The autoencoder of the designs of a space."""
        return VAE(
            decoder_for(space, self.hidden),
            latent=self.latent,
            hidden=self.hidden,
            beta=self.beta,
            learning_rate=self.learning_rate,
            encoder_std=self.encoder_std,
        )

    def draw(self, key: Key, state: CbASState, data: Data) -> Samples:
        """Draw from the search model; both densities are at the latent of the sample."""
        latent_key, design_key = keys.split(key)
        vae, search = self.model(data.space), state.search.params
        z = vae.prior(latent_key, self.samples)
        x = vae.decode(design_key, search, z)
        return Samples(x, log_ratio(vae, state.prior, search, z, x))

    def weigh(self, state: CbASState, samples: Samples, data: Data) -> tuple[Tensor, Tensor, Info]:
        """The threshold (), the log-weights (samples,), and the infos."""
        # Samples are scored where they lie in the space; their densities are those of the models.
        members = self._members(state.proxy, data.space.project(samples.x))
        mean = members.mean.mean(0)
        threshold = quantile(mean, self.quantile)
        if self.monotone:
            threshold = torch.maximum(threshold, state.threshold)
        tail = log_tail(members, threshold)
        scored = Scored(samples.log_ratio, mean, tail, log_tail(members, data.y.amax()))
        log_w = without_small(log_weights(self.weighting, scored, self.rate, self.quantile), self.cut_off)
        info = {
            "threshold": threshold,
            "predicted": mean.mean(),
            "above": (mean >= threshold).float().mean(),
            "tail": tail.exp().mean(),
            "weight": log_w.exp().mean(),
            "effective_samples": effective(log_w),
        }
        return threshold, self_normalised(log_w) if self.normalise else log_w, info

    @property
    def _prior_schedule(self) -> Schedule:
        return Schedule(self.prior_epochs, self.batch_size, self.held_out, steps=self.prior_steps)

    def _members(self, proxy_state: Any, x: Tensor) -> Prediction:
        if "members" in self.proxy.abilities:
            return cast(WithMembers, self.proxy).predict_members(proxy_state, x)
        mean, std = self.proxy.predict(proxy_state, x)
        return Prediction(mean[None], std[None])


def log_ratio(vae: VAE, over: VAEParams, under: VAEParams, z: Tensor, x: Tensor) -> Tensor:
    """The log of over(x | z) / under(x | z), (n,): summed over positions or coordinates, the priors on z cancel."""
    return vae.log_likelihood(over, z, x) - vae.log_likelihood(under, z, x)
