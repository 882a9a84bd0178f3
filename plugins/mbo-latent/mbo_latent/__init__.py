"""A latent encoding of discrete designs, and the variational autoencoder under it: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence

from mbo_core import StageOffer, hookimpl


@hookimpl
def mbo_stages() -> Sequence[StageOffer]:
    """The encoding `latent`."""
    return [StageOffer("encoding", "latent", "mbo_latent.encoding:Latent")]
