"""Train a network on all rows of a task but a tenth, on which its rank correlation is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.errors import MboError
from mbo_core.functional import keys
from mbo_core.tasks import Space
from mbo_design_bench.forest import spearman
from mbo_design_bench.forms import Form
from mbo_design_bench.network import Network, predict
from mbo_design_bench.rows import Rows

Report = Callable[[str, int, int], None]
"""Called with the phase, the steps done, and their total."""

HELD_OUT = 10
"""One design in this many is held out, the same for every seed, so that correlations are comparable."""

WARM_UP = 0.3
"""The part of the steps over which the learning rate rises from 0; over the rest it falls back to 0."""


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        network: in float64; it gives scores normalised by the ends of all rows.
        labels: (N,) its raw scores for all rows.
        held_out: (N,) the held-out rows.
        spearman: its rank correlation with the scores of those rows.
        seconds: processor time.
    """

    network: Network
    labels: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    spearman: float
    seconds: float


def train(space: Space, rows: Rows, form: Form, seed: int, epochs: int, report: Report) -> Trained:
    """Train a network.

    Args:
        space: the space of the designs.
        rows: x (N, L) tokens and y (N,) scores.
        form: the network, and how to train it.
        seed: draws the initial weights and the order of the rows; two seeds differ in nothing else.
        epochs: passes over the training rows; the learning rate falls to 0 at their end.
        report: called on every step.

    Raises:
        MboError: if the training diverges.
    """
    start = time.process_time()
    x, y = rows
    apart = held_out(x)
    low, width = float(y.min()), float(np.ptp(y))
    key = keys.key(seed)
    with keys.lend(keys.fold_in(key, 0)):
        network = Network(space.length, space.classes or 0, form)
    normalised = torch.from_numpy((y - low) / width).float()
    kept = torch.from_numpy(np.flatnonzero(~apart))
    batches = _batches(keys.fold_in(key, 1), kept, epochs, form.batch_size)
    _descend(network, form, (torch.from_numpy(x.astype(np.int64)), normalised), list(batches), report)
    labels = low + width * predict(network.double().eval(), x, lambda done: report("label all rows", done, len(x)))
    correlation = spearman(labels[apart], y[apart]) if np.ptp(labels[apart]) > 0 else np.nan
    if not np.isfinite(correlation):
        raise MboError("the training diverged: all held-out rows score alike, or NaN", "try another seed")
    return Trained(network, labels, apart, correlation, time.process_time() - start)


def held_out(x: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows of x (N, L) are kept from training, (N,): all rows of a tenth of the distinct designs.

    By design and not by row, as a design with two rows could otherwise be in both parts.
    """
    designs, which = np.unique(x, axis=0, return_inverse=True)
    apart = np.zeros(len(designs), dtype=bool)
    apart[np.random.Generator(np.random.PCG64(0)).permutation(len(designs))[: max(2, len(designs) // HELD_OUT)]] = True
    return apart[which.reshape(-1)]


def _batches(key: Tensor, rows: Tensor, epochs: int, size: int) -> Iterator[Tensor]:
    for epoch in range(epochs):
        yield from torch.split(rows[keys.permutation(keys.fold_in(key, epoch), len(rows))], size)


def _descend(network: Network, form: Form, data: tuple[Tensor, Tensor], batches: list[Tensor], report: Report) -> None:
    """AdamW (Loshchilov and Hutter 2019) on the squared error."""
    x, y = data
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=form.weight_decay)
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = form.learning_rate * _height((step + 1) / len(batches))
        optimiser.zero_grad()
        torch.autograd.backward(F.mse_loss(network(x[batch]), y[batch]))
        optimiser.step()
        report("train", step + 1, len(batches))


def _height(time: float) -> float:
    """The learning rate over its peak at a time from 0 to 1: up in a line, and down to almost 0."""
    return min(time / WARM_UP, (1.001 - time) / (1.001 - WARM_UP))
