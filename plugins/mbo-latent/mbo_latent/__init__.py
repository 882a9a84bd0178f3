"""A latent encoding of discrete designs, and the variational autoencoder under it: a plugin of mbo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mbo_core.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from mbo_core.stages import Stage


@hookimpl
def mbo_stages() -> Sequence[type[Stage]]:
    """The encoding `latent`."""
    from mbo_latent.encoding import Latent

    return [Latent]
