"""Optimisers as functions on nests of tensors (dicts, tuples, named tuples), tested against `torch.optim`.

`init` makes the state, `step` maps weights, gradients and state to new weights and a new state. Nothing is
written in place, so both can be lifted with `torch.func.vmap`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import optree
import torch
from torch import Tensor

from mbo_core.stages.data import Params


class AdamState(NamedTuple):
    """What Adam remembers."""

    steps: Tensor
    """() int64, the number of steps taken, t."""
    first: Params
    """The running mean of the gradients, m, a nest like the weights."""
    second: Params
    """The running mean of their squares, v, a nest like the weights."""


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015, algorithm 1), which minimises.

    The step is that of `torch.optim.Adam`: epsilon is added to the square root of the bias-corrected v. Keras adds
    it to the square root of v itself (the paper's "epsilon hat", section 2), so that its epsilon weighs
    1 / sqrt(1 - beta2**t) times as much here: 32 times at the first step, once after some thousands. That matters
    only for gradients hardly larger than epsilon.

    Attributes:
        learning_rate: a number, or a tensor ().
        beta1: the decay of m.
        beta2: the decay of v.
        epsilon: Keras's 1e-7, for the published methods ran there; torch's default is 1e-8.

    >>> adam = Adam(learning_rate=0.1)
    >>> weights = {"bias": torch.zeros(2)}
    >>> weights, state = adam.step(weights, {"bias": torch.tensor([3.0, -0.5])}, adam.init(weights))
    >>> weights["bias"]
    tensor([-0.1000,  0.1000])
    """

    learning_rate: float | Tensor
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7

    def init(self, params: Params) -> AdamState:
        """The state before the first step."""
        leaf, *_ = optree.tree_leaves(params)
        zeros = optree.tree_map(torch.zeros_like, params)
        return AdamState(steps=leaf.new_zeros((), dtype=torch.int64), first=zeros, second=zeros)

    def step(self, params: Params, grads: Params, state: AdamState) -> tuple[Params, AdamState]:
        """Move the weights against their gradients, a nest like the weights."""
        steps = state.steps + 1
        first = optree.tree_map(self._mean, state.first, grads)
        second = optree.tree_map(self._mean_square, state.second, grads)
        return self._moved(params, first, second, steps), AdamState(steps, first, second)

    def _mean(self, mean: Tensor, grad: Tensor) -> Tensor:
        return torch.lerp(mean, grad, 1 - self.beta1)

    def _mean_square(self, mean_square: Tensor, grad: Tensor) -> Tensor:
        return (self.beta2 * mean_square).addcmul(grad, grad, value=1 - self.beta2)

    def _moved(self, params: Params, first: Params, second: Params, steps: Tensor) -> Params:
        time = steps.to(_widest(params))
        size = self.learning_rate / _correction(self.beta1, time)
        root = _correction(self.beta2, time).sqrt()

        def move(weight: Tensor, mean: Tensor, mean_square: Tensor) -> Tensor:
            denominator = mean_square.sqrt() / root.to(weight.dtype) + self.epsilon
            return weight.addcdiv(size.to(weight.dtype) * mean, denominator, value=-1)

        return optree.tree_map(move, params, first, second)


def _widest(params: Params) -> torch.dtype:
    return reduce(torch.promote_types, (leaf.dtype for leaf in optree.tree_leaves(params)), torch.float32)


def _correction(beta: float, time: Tensor) -> Tensor:
    """1 - beta**t, () for t (); as a difference it would lose four digits of float32 at t = 1."""
    return -torch.expm1(time * (math.log(beta) if beta > 0 else -math.inf))


def clip_by_norm(grads: Params, limit: float) -> Params:
    """Scale each tensor of a nest down to a Frobenius norm of at most `limit`, which must exceed 0.

    >>> clip_by_norm((torch.tensor([[3.0, 4.0]]), torch.tensor([0.3])), limit=1.0)
    (tensor([[0.6000, 0.8000]]), tensor([0.3000]))
    """

    def clip(grad: Tensor) -> Tensor:
        norm: Tensor = torch.linalg.vector_norm(grad)
        return grad * (limit / norm.clamp(min=limit))

    return optree.tree_map(clip, grads)
