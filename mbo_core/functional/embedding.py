"""A trained vector for each token, in front of a network's first layer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.stages import EncodedSpace, Key, option

USE = int.from_bytes(b"embed", "big")
"""Folded into a network's key for the embedding, so that its layers are drawn as without."""
BOUND = 0.05
"""Initial values lie within -0.05 and 0.05, as in Keras."""


def embedding_option() -> int | None:
    """The option `embedding` of a stage that trains a network on one-hot designs."""
    width: int | None = option(
        None,
        "one-hot designs: numbers that each token is embedded in before the first layer, 256 in the released code;"
        " null for none",
        at_least=1,
    )
    return width


@dataclass(frozen=True)
class Embedding:
    """A vector of `width` numbers for each of `classes` tokens, the same at all positions of a design.

    A network with an embedding computes the same functions as one on one-hot designs, as both maps are linear: the
    table is multiplied into the first layer (`merged`). Its training differs, in the initial values and as an
    optimiser moves the two factors.
    """

    classes: int
    width: int

    def init(self, key: Key) -> Tensor:
        """The table, (classes, width), of uniform numbers from -0.05 to 0.05."""
        return (2 * keys.uniform(keys.fold_in(key, USE), (self.classes, self.width)) - 1) * BOUND

    def inputs(self, coordinates: int) -> int:
        """The inputs of the first layer for one-hot designs of L * K coordinates: L * width."""
        return coordinates // self.classes * self.width


def embedding_for(width: int | None, space: EncodedSpace) -> Embedding | None:
    """The embedding of a space's tokens; None for no width.

    Raises:
        TaskError: if the designs are not one-hot.
    """
    if width is None:
        return None
    if space.representation != "one-hot":
        hint = "use the encoding one-hot on a discrete task, or leave embedding out"
        raise TaskError(f"embedding={width} needs one-hot designs, and the encoded ones are real numbers", hint)
    return Embedding(space.shape[-1], width)


def merged(table: Tensor, weight: Tensor) -> Tensor:
    """A table (K, width) and the first weight (L * width, outputs) as one weight for one-hot rows: (L * K, outputs)."""
    positions = weight.reshape(-1, table.shape[1], weight.shape[1])
    return (table @ positions).flatten(0, 1)
