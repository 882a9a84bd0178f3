"""A network that predicts scores with one common standard deviation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor

from mbo_core.functional.nets import MLP, Layers
from mbo_core.stages import Key, Prediction

MEMORY = 0.99
"""Decay of the running mean square error, an average over about a hundred batches."""


class ResidualParams(TypedDict):
    """The weights of a `ResidualMLP`."""

    layers: Layers
    residual: Tensor
    """(), the root mean square error on recent batches; not a weight, and without a gradient"""


@dataclass(frozen=True)
class ResidualMLP:
    """A softplus network under squared error: its standard deviation is the size of its recent errors.

    Attributes:
        hidden: the width of each hidden layer.
    """

    hidden: tuple[int, ...]

    def init(self, key: Key, inputs: int) -> ResidualParams:
        """Draw the weights for x of `inputs` coordinates; the residual starts at 1, the std of the scores."""
        layers = self._net.init(key, inputs)
        return ResidualParams(layers=layers, residual=torch.ones_like(layers[-1]["bias"][0]))

    def apply(self, params: ResidualParams, x: Tensor) -> Prediction:
        """Predict the rows of x, (n, inputs)."""
        mean = self._net.apply(params["layers"], x).squeeze(1)
        return Prediction(mean, params["residual"].detach().expand_as(mean))

    def observe(self, params: ResidualParams, mean_square: Tensor) -> ResidualParams:
        """Update the residual with a batch's mean square error, ()."""
        residual = torch.lerp(mean_square, params["residual"] ** 2, MEMORY).sqrt()
        return ResidualParams(layers=params["layers"], residual=residual)

    @property
    def _net(self) -> MLP:
        return MLP(self.hidden, 1, "softplus")
