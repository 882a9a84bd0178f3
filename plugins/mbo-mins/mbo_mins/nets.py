"""The network of generator and critic; the score is an input of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mbo_core.functional import keys
from mbo_core.functional.nets import glorot_uniform
from mbo_core.stages import Key

SLOPE = 0.2
"""Slope of the rectifiers below zero."""
EPSILON = 1e-3
"""Of the layer norms: Keras's; torch's is 1e-5."""


class Dense(nn.Module):
    """A dense layer of [h, c], with separate weights for h and for the condition c."""

    def __init__(self, key: Key, inputs: int, condition: int, outputs: int) -> None:
        super().__init__()
        weight = glorot_uniform(key, inputs + condition, outputs)
        self.weight = nn.Parameter(weight[:inputs].clone())
        self.of_condition = nn.Parameter(weight[inputs:].clone())
        self.bias = nn.Parameter(weight.new_zeros(outputs))

    def of(self, h: Tensor, shift: Tensor) -> Tensor:
        """The layer's output (n, outputs) for h (n, inputs), plus the condition's term (n, outputs)."""
        return torch.addmm(shift + self.bias, h, self.weight)


class Conditional(nn.Module):
    """A perceptron with a condition c, linear in the score, as a further input of every layer.

        c = y * slope + offset;   h <- LeakyReLU(LayerNorm(Dense([h, c]))), once for each width;   Dense([h, c])

    A layer thus adds `y * (slope @ W) + offset @ W` for c, with the same two rows for all designs. They are computed
    once, which replaces the product of n conditions with W, half of the work in the released code.

    Args:
        key: for the weights, which start as Keras's.
        inputs: coordinates of x.
        hidden: width of each hidden layer, at least one; the first is also the width of the condition.
        outputs: width of the last layer.
    """

    def __init__(self, key: Key, inputs: int, hidden: Sequence[int], outputs: int) -> None:
        super().__init__()
        widths = (inputs, *hidden, outputs)
        condition_key, *layer_keys = keys.split(key, len(widths))
        slope = glorot_uniform(condition_key, 1, hidden[0])
        self.condition = nn.Parameter(torch.cat([slope, torch.zeros_like(slope)]))
        ends = zip(layer_keys, pairwise(widths), strict=True)
        self.layers = [Dense(k, before, hidden[0], after) for k, (before, after) in ends]
        self.norms = [nn.LayerNorm(width, eps=EPSILON, device=key.device) for width in hidden]
        # Plain lists above keep the types; modules must be registered.
        self.parts = nn.ModuleList([*self.layers, *self.norms])

    def lines(self) -> list[Tensor]:
        """Each layer's term for the condition: slope and offset in y, (2, outputs)."""
        return [self.condition @ layer.of_condition for layer in self.layers]

    def of(self, x: Tensor, y: Tensor, lines: Sequence[Tensor] | None = None) -> Tensor:
        """The output (n, outputs) at x (n, inputs) and scores y (n,); pass `lines` to compute them once."""
        line = torch.stack([y, torch.ones_like(y)], 1)
        *shifts, last = [line @ each for each in lines or self.lines()]
        for layer, norm, shift in zip(self.layers, self.norms, shifts, strict=False):
            x = F.leaky_relu(norm(layer.of(x, shift)), SLOPE)
        return self.layers[-1].of(x, last)
