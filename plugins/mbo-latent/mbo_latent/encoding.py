"""Discrete designs as latents of a variational autoencoder trained on them, as in RoMA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn.functional import one_hot

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages import (
    HELD_OUT,
    Encoding,
    Info,
    Key,
    Representation,
    Schedule,
    Statistics,
    option,
    statistics,
    unit,
)
from mbo_core.tasks import Table
from mbo_latent.decoders import Bounds, Categorical
from mbo_latent.vae import ROWS_AT_ONCE, VAE, EncoderStd, VAEParams, fit


class LatentState(NamedTuple):
    """The trained autoencoder, and the constants of its latents."""

    params: VAEParams
    statistics: Statistics
    """Mean and population std of each latent over the visible designs, float64 (latent,)."""
    key: Tensor
    """(2,) from which, with a design's fingerprint, its posterior draw comes."""
    factors: Tensor
    """(L,) random odd int64; a fingerprint is their sum weighted by the tokens."""


@dataclass(frozen=True, kw_only=True)
class Latent(Encoding):
    """Standardised latents of an autoencoder trained on the visible designs; decoded to the most likely tokens.

    Yu, Ahn, Song and Shin, "RoMA: robust model adaptation for offline model-based optimization", NeurIPS 2021
    (arXiv:2110.14188), released code: one draw of the posterior for each design, then each coordinate centred and
    divided by its population standard deviation. The code means to draw ten for each and discards nine.

    The draw depends only on the design: equal tokens have equal latents in every call and row.
    """

    latent: int = option(32, "coordinates of an encoded design", at_least=1)
    hidden: tuple[int, ...] = option((256,), "width of each hidden layer of encoder and decoder", at_least=1)
    beta: float = option(1.0, "weight of the divergence from N(0, I) in the loss", at_least=0.0)
    learning_rate: float = option(1e-3, "of Adam", at_least=0.0)
    epochs: int = option(200, "passes over the designs", at_least=0)
    batch_size: int = option(128, "designs per step", at_least=1)
    held_out: int = option(
        0, "designs set aside at random and not trained on; 200 in RoMA's code", at_least=0, share=HELD_OUT
    )
    drop_last: bool = option(False, "leave out an epoch's incomplete last batch, as RoMA's code does")
    codes: Literal["sample", "mean"] = option(
        "sample", "a design's latent: one draw of its posterior (released code), or the posterior's mean"
    )
    encoder_std: EncoderStd = option(
        "softplus", "std from the bounded output: softplus is a bug of the released code; exp is correct"
    )
    std_lower: float = option(0.5, "e^a_min of the encoder's bounded std", above=0.0)
    std_upper: float = option(1.5, "e^a_max; with exp a std lies between e^a_min and the sum of both", above=0.0)
    bounds: Bounds = option("trained", "whether a_min and a_max are trained; unknown for RoMA's code")
    max_entries: int = option(
        20_000, "limit on one-hot entries L * K; the published tasks have at most 18,321", at_least=1
    )

    name: ClassVar[str] = "latent"
    infos: ClassVar[Mapping[str, str]] = {
        "token_accuracy": "the share of the data's tokens that decode to themselves",
        "design_accuracy": "the share of designs that do so at all positions",
        "distinct_decoded": "how many different designs decoding gives; few where the autoencoder has collapsed",
        "distinct_designs": "how many different designs the data have",
    }
    kinds: ClassVar[frozenset[Literal["continuous", "discrete"]]] = frozenset({"discrete"})
    seeded: ClassVar[bool] = True

    def init(self, key: Key, table: Table) -> LatentState:
        """Train the autoencoder on the visible designs, and standardise its latents.

        Raises:
            TaskError: for designs of more than `max_entries` entries, or too few rows, before any training.
        """
        length, classes = table.space.length, table.space.classes or 1
        self._check(table.name, length, classes)
        start_key, fit_key, draw_key, factor_key = keys.split(key, 4)
        tokens = torch.tensor(table.x)
        vae = self._vae(length, classes)
        x = one_hot(tokens, classes).flatten(1).float()
        schedule = Schedule(self.epochs, self.batch_size, self.held_out, self.drop_last)
        start = vae.start(start_key, length * classes)
        trained, _ = fit(vae, fit_key, start, x, torch.ones_like(x[:, 0]), schedule)
        high, low = keys.bits(factor_key, (2, length))
        state = LatentState(trained.params, unit(self.latent), draw_key, (high << 31) ^ low | 1)
        return state._replace(statistics=statistics(self._codes(state, tokens)))

    def encode(self, state: LatentState, x: Tensor) -> Tensor:
        """Tokens (n, L) to float32 (n, latent)."""
        mean, std = state.statistics
        return ((self._codes(state, x) - mean) / std).float()

    def decode(self, state: LatentState, x: Tensor) -> Tensor:
        """Latents (n, latent) to the most likely tokens (n, L)."""
        mean, std = state.statistics
        decoder = self._decoder(*_sizes(state))
        z = (x * std + mean).float()
        parts = torch.split(z, ROWS_AT_ONCE)
        return torch.cat([decoder.logits(state.params["decoder"], part).argmax(-1) for part in parts])

    def shape(self, state: LatentState) -> tuple[int, ...]:
        """(latent,)."""
        return (self.latent,)

    @property
    def representation(self) -> Representation:
        """Free real numbers."""
        return "real"

    def info(self, state: LatentState, table: Table) -> Info:
        """The reconstruction accuracy on the visible designs; see `report`."""
        tokens = torch.tensor(table.x)
        return self.report(state, self.encode(state, tokens), tokens)

    def report(self, state: LatentState, x: Tensor, raw: Tensor) -> Info:
        """Compare n encoded designs (n, latent) with their tokens (n, L); see `infos`."""
        decoded = self.decode(state, x)
        right = decoded == raw
        return {
            "token_accuracy": right.float().mean(),
            "design_accuracy": right.all(1).float().mean(),
            "distinct_decoded": _distinct(_fingerprints(state, decoded)),
            "distinct_designs": _distinct(_fingerprints(state, raw)),
        }

    def _check(self, name: str, length: int, classes: int) -> None:
        if length * classes > self.max_entries:
            raise TaskError(
                f"{name}: {length} positions of {classes} tokens are {length * classes} one-hot entries;"
                f' the encoding "latent" takes at most {self.max_entries}',
                "raise encoding.max_entries if memory allows, or use another encoding, e.g. soft-logits",
            )

    def _decoder(self, length: int, classes: int) -> Categorical:
        return Categorical(length, classes, self.hidden)

    def _vae(self, length: int, classes: int) -> VAE:
        return VAE(
            self._decoder(length, classes),
            latent=self.latent,
            hidden=self.hidden,
            beta=self.beta,
            learning_rate=self.learning_rate,
            encoder_std=self.encoder_std,
            std_bounds=(self.std_lower, self.std_upper),
            bounds=self.bounds,
        )

    def _codes(self, state: LatentState, tokens: Tensor) -> Tensor:
        """Latents before standardisation, float64 (n, latent)."""
        parts = torch.split(tokens, ROWS_AT_ONCE)
        return torch.cat([self._drawn(state, part) for part in parts]).double()

    def _drawn(self, state: LatentState, tokens: Tensor) -> Tensor:
        length, classes = _sizes(state)
        x = one_hot(tokens.long(), classes).flatten(1).float()
        mean, std = self._vae(length, classes).encode(state.params, x)
        if self.codes == "mean":
            return mean
        rows = keys.fold_in(state.key, _fingerprints(state, tokens))
        return mean + std * vmap(lambda row: keys.normal(row, (self.latent,)))(rows)


def _sizes(state: LatentState) -> tuple[int, int]:
    """Positions and classes, from the shapes, as a state holds only tensors."""
    length = len(state.factors)
    return length, state.params["decoder"][-1]["bias"].shape[-1] // length


def _fingerprints(state: LatentState, tokens: Tensor) -> Tensor:
    """One integer per design, (n,) int64 in [0, 2**63); two designs collide with probability 2**-62."""
    return (tokens * state.factors).sum(1) & torch.iinfo(torch.int64).max


def _distinct(values: Tensor) -> Tensor:
    """The number of distinct values among (n,), () float32."""
    ordered = torch.sort(values).values
    return 1 + (ordered[1:] != ordered[:-1]).float().sum()
