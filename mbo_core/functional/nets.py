"""Networks as functions: `init` makes a nest of weights, `apply` evaluates it.

Everything is written for one network. Many at once, for seeds or for the members of an ensemble, are the same
functions lifted with `torch.func.vmap` over keys and weights; each weight then has leading axes:

    >>> from torch.func import vmap
    >>> from mbo_core.functional import keys
    >>> net = MLP(hidden=(64, 64), outputs=1)
    >>> members = vmap(net.init, in_dims=(0, None))(keys.split(keys.key(0), 5), 8)
    >>> members[0]["weight"].shape
    torch.Size([5, 8, 64])
    >>> vmap(net.apply, in_dims=(0, None))(members, torch.zeros(100, 8)).shape
    torch.Size([5, 100, 1])

Initial values and slopes are those of Keras, in which the published methods were written.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal, NotRequired, TypeAlias, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.functional.embedding import Embedding, merged
from mbo_core.stages.data import Batch, Key, Model, Prediction

Activation: TypeAlias = Literal["relu", "leaky-relu", "softplus"]


class Layer(TypedDict):
    """The weights of a dense layer."""

    weight: Tensor
    """(inputs, outputs)"""
    bias: Tensor
    """(outputs,)"""


Layers: TypeAlias = tuple[Layer, ...]

WIDEST = 32
"""The most numbers that one step of a vectorised loop takes: two vectors of AVX-512, in float32."""

LEAK = 0.3
"""The slope of `leaky-relu` below zero."""


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) elementwise, (...) to (...), to the last digit for every x.

    torch's version switches to the identity at 20, an error of 2e-9; above 40 the two agree in float64.
    """
    return _in_whole_vectors(partial(F.softplus, threshold=40), x)


def _in_whole_vectors(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """An elementwise function whose last digit does not depend on how many seeds are stacked, (...) to (...).

    This holds for one and two threads; more cut a tensor of over 32,768 numbers at places that depend on its size.

    For some functions torch has vector instructions and, for what is left over at a tensor's end, others that round
    differently. With whole vectors for each seed nothing is left over.
    """
    missing = -x.numel() % WIDEST
    if not missing:
        return function(x)
    return function(F.pad(x.reshape(-1), (0, missing)))[:-missing].reshape(x.shape)


def leaky_relu(x: Tensor) -> Tensor:
    """A rectifier with slope 0.3 below zero, (...) to (...): Keras's default; torch's slope is 0.01."""
    return F.leaky_relu(x, negative_slope=LEAK)


_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky-relu": leaky_relu,
    "softplus": softplus,
}

_SLOPES: dict[Activation, Callable[[Tensor, Tensor], Tensor]] = {
    "relu": lambda x, after: torch.ops.aten.threshold_backward(after, x, 0),
    "leaky-relu": lambda x, after: torch.ops.aten.leaky_relu_backward(after, x, LEAK, False),
    "softplus": lambda x, after: after * _in_whole_vectors(torch.sigmoid, x),
}
"""The gradient before an activation at x (...), from that after it (...); autograd's own, in one pass over memory."""


def glorot_uniform(key: Key, inputs: int, outputs: int) -> Tensor:
    """Draw weights (inputs, outputs) from U[-b, b) with b = sqrt(6 / (inputs + outputs)).

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, eq. 16;
    Keras's default for dense layers.
    """
    bound = math.sqrt(6 / (inputs + outputs))
    return (2 * keys.uniform(key, (inputs, outputs)) - 1) * bound


def dense_init(key: Key, inputs: int, outputs: int) -> Layer:
    """Make a dense layer with Glorot-uniform weights and zero biases, as Keras does."""
    weight = glorot_uniform(key, inputs, outputs)
    # Made from the weight, so that under vmap each network has its own biases instead of one shared, expanded tensor.
    return Layer(weight=weight, bias=weight.new_zeros(outputs))


def dense(layer: Layer, x: Tensor) -> Tensor:
    """Apply a dense layer: x (..., inputs) to (..., outputs)."""
    # Under vmap this is faster than addmm (by 1.2 to 1.7) and F.linear, and alone no slower.
    return x @ layer["weight"] + layer["bias"]


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron: hidden layers, each followed by the activation, and a linear last layer.

    Attributes:
        hidden: the width of each hidden layer.
        outputs: the width of the last layer.
        activation: `leaky-relu` has Keras's slope 0.3; `softplus` has a useful second derivative.
    """

    hidden: tuple[int, ...]
    outputs: int
    activation: Activation = "leaky-relu"

    def init(self, key: Key, inputs: int) -> Layers:
        """Draw the weights for x of `inputs` coordinates."""
        widths = (inputs, *self.hidden, self.outputs)
        layer_keys = keys.split(key, len(widths) - 1)
        return tuple(dense_init(k, *ends) for k, ends in zip(layer_keys, pairwise(widths), strict=True))

    def apply(self, params: Layers, x: Tensor) -> Tensor:
        """Evaluate the network: x (n, inputs) to (n, outputs)."""
        for layer in params[:-1]:
            x = _ACTIVATIONS[self.activation](dense(layer, x))
        return dense(params[-1], x)

    def input_gradient(self, params: Layers, x: Tensor) -> Tensor:
        """The gradient of the first output at x (n, inputs), (n, inputs), without autograd."""
        entered = []
        for layer in params[:-1]:
            entered.append(dense(layer, x))
            x = _ACTIVATIONS[self.activation](entered[-1])
        after = params[-1]["weight"][:, 0].expand_as(x)
        for layer, before in zip(reversed(params[:-1]), reversed(entered), strict=True):
            after = _SLOPES[self.activation](before, after) @ layer["weight"].T
        return after


@dataclass(frozen=True)
class PointMLP:
    """A network that predicts one number, with a standard deviation of 0.

    Attributes:
        hidden: the width of each hidden layer.
        activation: see `MLP`.
    """

    hidden: tuple[int, ...]
    activation: Activation = "leaky-relu"

    def init(self, key: Key, inputs: int) -> Layers:
        """Draw the weights for x of `inputs` coordinates."""
        return self._trunk.init(key, inputs)

    def apply(self, params: Layers, x: Tensor) -> Prediction:
        """Predict the rows of x, (n, inputs); the std is 0."""
        mean = self._trunk.apply(params, x).squeeze(-1)
        return Prediction(mean, torch.zeros_like(mean))

    def loss(self, params: Layers, batch: Batch) -> Tensor:
        """The weighted mean squared error on a batch, ()."""
        return (batch.w * (self.apply(params, batch.x).mean - batch.y) ** 2).mean()

    def model(self) -> Model:
        """Prediction, squared error and slope as functions of the weights."""
        return Model(self.apply, self.loss, self._trunk.input_gradient)

    @property
    def _trunk(self) -> MLP:
        return MLP(self.hidden, outputs=1, activation=self.activation)


class GaussianParams(TypedDict):
    """The weights of a network that predicts normal distributions."""

    layers: Layers
    upper: Tensor
    """(), the bound a_max on the log standard deviation"""
    lower: Tensor
    """(), the bound a_min"""
    embedding: NotRequired[Tensor]
    """(K, width), only of a network for one-hot designs that embeds their tokens"""


def gaussian_params(
    net: MLP, key: Key, inputs: int, std_bounds: tuple[float, float] = (0.1, 0.2), embedding: Embedding | None = None
) -> GaussianParams:
    """Draw the weights for x of `inputs` coordinates; `std_bounds` are exp(a_min) and exp(a_max) at the start."""
    layers = net.init(key, embedding.inputs(inputs) if embedding else inputs)
    lower, upper = (layers[-1]["bias"].new_full((), math.log(std)) for std in std_bounds)
    params = GaussianParams(layers=layers, upper=upper, lower=lower)
    if embedding:
        params["embedding"] = embedding.init(key)
    return params


def layers_of(params: GaussianParams) -> Layers:
    """The layers, with the embedding, if there is one, multiplied into the first."""
    if "embedding" not in params:
        return params["layers"]
    first, *rest = params["layers"]
    return (Layer(weight=merged(params["embedding"], first["weight"]), bias=first["bias"]), *rest)


@dataclass(frozen=True)
class GaussianMLP:
    """A network that predicts a normal distribution: the mean, and a standard deviation kept within bounds.

    Attributes:
        hidden: the width of each hidden layer.
        activation: see `MLP`.
        bounds: whether the two bounds are trained with the weights. Frozen ones stay in the params, detached.
    """

    hidden: tuple[int, ...]
    activation: Activation = "leaky-relu"
    bounds: Literal["trained", "frozen"] = "trained"

    def init(self, key: Key, inputs: int, embedding: Embedding | None = None) -> GaussianParams:
        """Draw the weights for x of `inputs` coordinates; the std starts out within (0.1, 0.3)."""
        return gaussian_params(self._trunk, key, inputs, embedding=embedding)

    def apply(self, params: GaussianParams, x: Tensor) -> Prediction:
        """Predict the rows of x, (n, inputs)."""
        mean, raw = self._trunk.apply(layers_of(params), x).unbind(-1)
        upper, lower = params["upper"], params["lower"]
        if self.bounds == "frozen":
            upper, lower = upper.detach(), lower.detach()
        return Prediction(mean, bounded_std(raw, upper, lower))

    @property
    def _trunk(self) -> MLP:
        return MLP(self.hidden, outputs=2, activation=self.activation)


def bounded_std(raw: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
    """A standard deviation from a network's raw output, by two soft clamps of its logarithm.

    Chua et al., "Deep reinforcement learning in a handful of trials", 2018, appendix A.1. The second clamp shifts
    what the first one left: the result lies within exp(lower) and exp(lower) + exp(upper), for the published
    bounds ln 0.2 and ln 0.1 within 0.1 and 0.3.

    Args:
        raw: (...) any numbers, l.
        upper: () or (...), a_max.
        lower: () or (...), a_min.

    Returns:
        (...) sigma.
    """
    capped = upper - softplus(upper - raw)
    return torch.exp(lower + softplus(capped - lower))


def gaussian_nll(prediction: Prediction, y: Tensor) -> Tensor:
    """The negative log-likelihood of each score y (n,) under its prediction, (n,), with the 0.5 ln 2 pi.

    >>> gaussian_nll(Prediction(torch.zeros(1), torch.ones(1)), torch.zeros(1))
    tensor([0.9189])
    """
    error = (y - prediction.mean) / prediction.std
    return 0.5 * error**2 + prediction.std.log() + 0.5 * math.log(2 * math.pi)
