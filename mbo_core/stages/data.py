"""What flows between the stages.

Shapes: `n` designs in a batch, `N` rows of data, `d` coordinates of an encoded design, `members` networks of
an ensemble.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad

from mbo_core.stages.projection import Projection
from mbo_core.tasks.space import Kind, Space

Key: TypeAlias = Tensor
"""A splittable random key, (2,) int64; see `mbo_core.functional.keys`."""

State: TypeAlias = Any
"""What the next step needs: a nest of tensors (tuples, dicts) or, under `lift = "loop"`, any object."""

Params: TypeAlias = Any
"""The weights of a model: a nest of tensors."""

Info: TypeAlias = Mapping[str, Tensor]
"""What people look at: a finite scalar a name, or from an update one value for each candidate (candidates,).

A stage declares the names in `infos`; a proxy's always has `loss`.
"""


def state_and_info(made: Any) -> tuple[State, Info]:
    """The state and info that the `init` of a proxy or update returned; the info is empty if it returned only a state.

    A plain pair whose second item is a dict is a state with its info. A state that is such a pair must be a NamedTuple.

    >>> state_and_info((torch.ones(2), {"lengthscale": torch.tensor(0.5)}))
    (tensor([1., 1.]), {'lengthscale': tensor(0.5000)})
    >>> state_and_info(torch.ones(2))
    (tensor([1., 1.]), {})
    """
    if type(made) is tuple and len(made) == 2 and isinstance(made[1], Mapping):
        return made
    return made, {}


Keep: TypeAlias = Literal["last", "best"]
"""Which state of a training is kept: the last, or the best on held-out rows."""

Representation: TypeAlias = Literal["real", "one-hot"]
"""What an encoding's vectors are: free real numbers, or exact rows of a simplex."""


class Batch(NamedTuple):
    """Rows of data.

    For a proxy with the ability `members` each of the three may carry a leading member axis.
    """

    x: Tensor
    """(n, d) encoded designs."""
    y: Tensor
    """(n,) standardised scores."""
    w: Tensor
    """(n,) importance weights, always there: a loss is the mean over the n rows of w times the row's loss.

    A bootstrap's multiplicities come as weights, divided by their mean over the batch.
    """
    space: EncodedSpace | None = None
    """The space that its designs are from; None if nothing is known of it."""

    def project(self, x: Tensor) -> Tensor:
        """The nearest vectors (..., d) inside the space; an adversary calls it wherever it moves designs."""
        return x if self.space is None else self.space.project(x)


class Prediction(NamedTuple):
    """A proxy's view of n designs, in standardised scores."""

    mean: Tensor
    """(n,)"""
    std: Tensor
    """(n,); zero for a proxy without the ability `uncertainty`."""


class Mined(NamedTuple):
    """Where an adversary moved the weights to, and the designs to."""

    params: Params
    x: Tensor
    """(n, d)"""


class Model(NamedTuple):
    """A proxy as functions of its weights: what an adversary may move against."""

    predict: Callable[[Params, Tensor], Prediction]
    """`(params, x (n, d)) -> Prediction`, differentiable in both where the proxy has `gradients`."""
    loss: Callable[[Params, Batch], Tensor]
    """`(params, batch) -> ()`: the loss on the data alone, without any adversarial term."""
    closed_input_gradient: Callable[[Params, Tensor], Tensor] | None = None
    """`input_gradient` in closed form, for those who know it: without autograd small networks take half the time."""

    def input_gradient(self, params: Params, x: Tensor) -> Tensor:
        """How the predicted mean of each design x (n, d) rises, (n, d)."""
        if self.closed_input_gradient is not None:
            return self.closed_input_gradient(params, x)
        found: Tensor = grad(lambda designs: self.predict(params, designs).mean.sum())(x)
        return found


@dataclass(frozen=True, eq=False)
class Designs:
    """The real designs behind the vectors, for a search that moves designs: steps, levels and sums hold exactly.

    The functions are not for `vmap`: a stage that calls them has `lift = "loop"`.

    Attributes:
        space: the space of the real designs.
        tried: (N, length) the visible designs; some may lie outside the space.
        decode: vectors (n, d) to designs (n, length) in the space; that of a visible design there gives just that.
        encode: designs (n, length) to vectors (n, d).
    """

    space: Space
    tried: NDArray[Any]
    decode: Callable[[Tensor], NDArray[Any]]
    encode: Callable[[NDArray[Any]], Tensor]


@dataclass(frozen=True)
class EncodedSpace:
    """The space in which the stages see designs.

    Attributes:
        kind: the kind of the original designs.
        shape: an encoded design's shape before it is flattened to d numbers, e.g. (8, 3) or (86,).
        classes: the number of tokens K at a position of a discrete design, else None.
        representation: free real numbers, or exact one-hot rows.
        lower: (d,) smallest value of each coordinate: the bound of the space, or where it has none that of the data.
        upper: (d,) largest value, likewise.
        projection: the map onto the vectors that lie in the space; None if all do, or if the encoding has none.
        designs: the real designs, the way there and back; None only in data that were not made from a table.
    """

    kind: Kind
    shape: tuple[int, ...]
    classes: int | None
    representation: Representation
    lower: Tensor
    upper: Tensor
    projection: Projection | None = None
    designs: Designs | None = None

    def project(self, x: Tensor) -> Tensor:
        """The nearest vectors (..., d) inside the space, but for steps and levels, which only decoding takes.

        A search calls it wherever it moves designs. It is cheap, and works under `vmap`.
        """
        return x if self.projection is None else self.projection(x)


@dataclass(frozen=True)
class Data:
    """The visible data as the stages see them, and all that a method may know.

    Attributes:
        x: (N, d) encoded designs.
        y: (N,) standardised scores.
        space: the encoded design space.
        w: (N,) importance weights of the rows, by default ones; `batches.take` puts them into each batch.
        start: (m, d) designs that a person wants to search from, or None; `stages.top` puts them first.
    """

    x: Tensor
    y: Tensor
    space: EncodedSpace
    w: Tensor = field(default=cast(Any, None))
    start: Tensor | None = None

    def __post_init__(self) -> None:
        if self.w is None:
            object.__setattr__(self, "w", torch.ones_like(self.y))


@dataclass(frozen=True)
class Schedule:
    """How the core cuts the data into batches for a proxy.

    Attributes:
        epochs: passes over the training rows; 0 for a proxy that is complete after `init`.
        batch_size: rows a step, at most all training rows; the last batch of an epoch may be smaller.
        held_out: rows set aside at random and never trained on.
        drop_last: leave out an epoch's incomplete last batch.
        members: the length of the member axis, or None for a proxy without members.
        bootstrap: draw the training rows with replacement once, a draw a member; the multiplicities are `batch.w`.
        shuffle: with members, whether all see the same batches or each has its own split and order.
        steps: gradient steps in place of epochs: as many passes as they take, the last one cut short; None for epochs.
        keep: the last state, or the best: that of the smallest mean squared error on the held-out rows.
        refit: after training with held-out rows, train once more on all rows, for as many steps as the kept state had.
    """

    epochs: int
    batch_size: int
    held_out: int = 0
    drop_last: bool = False
    members: int | None = None
    bootstrap: bool = False
    shuffle: Literal["shared", "own"] = "shared"
    steps: int | None = None
    keep: Keep = "last"
    refit: bool = False

    @property
    def trains(self) -> bool:
        """Whether there is any step."""
        return bool(self.epochs if self.steps is None else self.steps)
