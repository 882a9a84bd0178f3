"""The network that tells how far a point of a bridge is from its high end, and its training."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias, cast

import optree
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad_and_value

from mbo_core.functional import keys
from mbo_core.functional.nets import Layer, Layers, dense
from mbo_core.functional.optim import Adam, AdamState
from mbo_core.stages import Key, Params
from mbo_root.bridge import Examples

STD = 0.02
"""Of the initial weights."""
EVERY = 8
"""The average of the weights takes every so many steps' ones."""
FACTOR = 0.5
THRESHOLD = 1e-4
SMALLEST = 5e-7
"""The learning rate is halved down to this where the loss has not fallen by more than a share of `THRESHOLD`."""
EPSILON = 1e-8
"""Of Adam: PyTorch's."""

Weights: TypeAlias = Layers


class Plateau(NamedTuple):
    """The learning rate, and how long the loss has not fallen."""

    rate: float
    best: float = float("inf")
    bad: int = 0
    wait: int = 0
    """Steps left before bad ones are counted."""

    def after(self, loss: float, patience: int) -> Plateau:
        """After one more step; once halved, the rate stays for `patience` steps before bad ones are counted."""
        better = loss < self.best * (1 - THRESHOLD)
        wait = max(0, self.wait - 1)
        bad = 0 if better or self.wait else self.bad + 1
        best = loss if better else self.best
        if bad > patience:
            return Plateau(max(self.rate * FACTOR, SMALLEST), best, 0, patience)
        return Plateau(self.rate, best, bad, wait)


class Training(NamedTuple):
    """The weights and what their training remembers."""

    weights: Weights
    average: Weights
    """The running mean, which samples."""
    moments: AdamState
    plateau: Plateau
    steps: int = 0


def apply(weights: Weights, x: Tensor, time: Tensor, conditions: Tensor) -> Tensor:
    """How far points (n, d) at times (n,) are from their high ends, (n, d), given the scores of both ends, (n, 2)."""
    h = torch.cat([x, time[:, None], conditions], 1)
    for layer in weights[:-1]:
        h = F.silu(dense(layer, h))
    return dense(weights[-1], h)


def loss_of(weights: Weights, seen: Examples) -> Tensor:
    """The mean absolute error, ()."""
    return (apply(weights, seen.x, seen.time, seen.conditions) - seen.target).abs().mean()


@dataclass(frozen=True)
class Trainer:
    """Adam on the absolute error.

    Attributes:
        hidden: the width of each hidden layer.
        learning_rate: of Adam, at first.
        batch_size: examples per step.
        patience: bad steps before the learning rate is halved.
        decay: of the average of the weights, taken every 8 steps; 0 for the weights themselves.
        average_from: the first step that is averaged.
    """

    hidden: tuple[int, ...]
    learning_rate: float
    batch_size: int
    patience: int
    decay: float
    average_from: int

    def init(self, key: Key, inputs: int) -> Training:
        """Normal weights of 0.02 and biases of 0, for designs of `inputs` coordinates."""
        ends = list(pairwise((inputs + 3, *self.hidden, inputs)))
        weights = tuple(_layer(each, *end) for each, end in zip(keys.split(key, len(ends)), ends, strict=True))
        return Training(weights, weights, Adam(self.learning_rate).init(weights), Plateau(self.learning_rate))

    def fit(self, state: Training, seen: Examples) -> tuple[Training, Tensor]:
        """One pass over the examples, and its mean loss, ()."""
        losses = []
        for start in range(0, len(seen.time), self.batch_size):
            state, loss = self._step(state, seen.part(slice(start, start + self.batch_size)))
            losses.append(loss)
        return state, torch.stack(losses).mean()

    def _step(self, state: Training, batch: Examples) -> tuple[Training, Tensor]:
        grads, loss = grad_and_value(loss_of)(state.weights, batch)
        adam = Adam(state.plateau.rate, epsilon=EPSILON)
        weights, moments = adam.step(state.weights, grads, state.moments)
        steps = state.steps + 1
        plateau = state.plateau.after(float(loss), self.patience)
        return Training(weights, self._averaged(state.average, weights, steps), moments, plateau, steps), loss

    def _averaged(self, average: Weights, weights: Weights, steps: int) -> Weights:
        if not self.decay or steps < self.average_from:
            return weights
        if steps % EVERY:
            return average
        return cast(Weights, optree.tree_map(self._mixed, cast(Params, average), cast(Params, weights)))

    def _mixed(self, old: Tensor, new: Tensor) -> Tensor:
        return torch.lerp(new, old, self.decay)


def _layer(key: Key, inputs: int, outputs: int) -> Layer:
    weight = STD * keys.normal(key, (inputs, outputs))
    return Layer(weight=weight, bias=weight.new_zeros(outputs))
