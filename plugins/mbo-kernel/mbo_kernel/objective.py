"""The objective of BDI: the data predict a candidate, and the candidate predicts the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from mbo_core.stages import Ability, Data, Key, Objective, Prediction, option
from mbo_kernel.kernels import Kernel, KernelName
from mbo_kernel.rows import Rows, fitted_rows, scale_of

SMALLEST = 1e-12
"""Guards the division by the kernel ntk of a design that is 0 with itself."""


class Backward(NamedTuple):
    """What a candidate has to predict."""

    rows: Rows
    share: Tensor
    """(m,) what each row counts, with the sum 1"""
    scale: Tensor
    """(d,) what the coordinates of a design are multiplied by"""


@dataclass(frozen=True, kw_only=True)
class Bidirectional(Objective):
    """The negative loss of bidirectional learning, for a candidate x that is given the score h.

    Chen, Zhang, Fu, Liu and Coates, "Bidirectional learning for offline infinite-width model-based optimization",
    NeurIPS 2022 (arXiv:2209.07507):

    * forward: `(f(x) - h)^2 / 2`, with the proxy's prediction f;
    * backward: `sum_i v_i (k(x_i, x) h / (k(x, x) + ridge) - y_i)^2 / 2`, the error of a kernel regression on the one
      design x with the score h, over rows that count `v = softmax(emphasis * y)`.

    Its kernel should be that of the proxy.
    """

    terms: Literal["both", "forward", "backward"] = option("both", "which losses are added")
    target: float = option(10.0, "h, the score that candidates are given, in standard deviations of the scores")
    kernel: KernelName = option("ntk", 'of the backward loss; or "rbf"')
    bias: bool = option(False, "of the kernel ntk: append a constant 1 to each design")
    lengthscale: float = option(1.0, "of the kernel rbf, in units of sqrt(d)", above=0.0)
    ridge: float = option(0.0, "added to the candidate's kernel with itself", at_least=0.0)
    emphasis: float = option(0.0, "how much more good rows count, gamma; 0.001 on Ant, so hardly", at_least=0.0)
    rows: int = option(
        2000,
        "number of rows to predict, all if fewer; else a tenth of them are the best, and the others random",
        at_least=1,
    )

    name: ClassVar[str] = "bidirectional"

    @property
    def needs(self) -> frozenset[Ability]:
        """Scores, for the forward loss."""
        return frozenset() if self.terms == "backward" else frozenset({"values"})

    def init(self, key: Key, data: Data) -> Backward:
        """Choose the rows."""
        rows = fitted_rows(key, data, self.rows)
        share = rows.w * torch.softmax(self.emphasis * rows.y, 0)
        return Backward(rows, share / share.sum(), scale_of(data.space))

    def score(self, state: Backward, x: Tensor, prediction: Prediction) -> Tensor:
        """The negative sum of the losses."""
        forward = (prediction.mean - self.target) ** 2 / 2
        if self.terms == "forward":
            return -forward
        backward = self.backward(state, x)
        return -backward if self.terms == "backward" else -(forward + backward)

    def backward(self, state: Backward, x: Tensor) -> Tensor:
        """The backward loss, (n,)."""
        kernel, scaled = Kernel(self.kernel, self.bias), x.double() * state.scale
        own = (kernel.diagonal(scaled)[:, None] + self.ridge).clamp(min=SMALLEST)
        predicted = kernel.between(scaled, state.rows.x, self.lengthscale) * self.target / own
        return ((predicted - state.rows.y) ** 2 @ state.share / 2).to(x.dtype)
