"""The network of learned oracles: a residual convolutional network on tokens, evaluated in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from mbo_design_bench.forms import Form

CHUNK = 64
"""Designs per batch, the last one padded, as the rounding of a product may depend on its shape."""


class Network(nn.Module):
    """Tokens (n, L) to scores (n,) within 0 and 1, the ends of the data.

    An embedding of C channels; residual blocks h + SiLU(conv(h)), as long as the design; dense layers on all positions
    at once, so that each position has its own weights; a sigmoid, without which a search would be led to where the
    network extrapolates beyond all measurements. He et al. 2016, arXiv:1512.03385, without normalisation layers: a
    score must not depend on other designs.

    Args:
        length: the positions of a design, L.
        classes: the number of tokens.
        form: channels, convolutions and dense layers.
    """

    def __init__(self, length: int, classes: int, form: Form) -> None:
        super().__init__()
        channels, padding = form.channels, form.kernel // 2
        self.embedding = nn.Embedding(classes, channels)
        self.blocks = nn.ModuleList(
            nn.Conv1d(channels, channels, form.kernel, padding=padding) for _ in range(form.blocks)
        )
        widths = (channels * length, *form.hidden, 1)
        self.dense = nn.ModuleList(nn.Linear(*ends) for ends in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the network."""
        h = self.embedding(x).transpose(1, 2)
        for block in self.blocks:
            h = h + F.silu(block(h))
        h = h.flatten(1)
        for layer in self.dense[:-1]:
            h = F.silu(layer(h))
        scores: Tensor = self.dense[-1](h)
        return torch.sigmoid(scores.squeeze(1))


def predict(network: Network, x: NDArray[Any], done: Callable[[int], None] = lambda _: None) -> NDArray[np.float64]:
    """The scores (n,) of a float64 network for tokens (n, L), each design independent of the others.

    On one thread, as the number of threads determines the order of summation.

    Args:
        network: in float64, which no setting of torch's float32 products touches.
        x: the designs.
        done: called with the number of designs so far.
    """
    scores = np.empty(len(x))
    with torch.inference_mode(), _one_thread():
        for rows, block in _chunks(x):
            scores[rows] = network(block)[: rows.stop - rows.start].numpy()
            done(rows.stop)
    return scores


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _chunks(x: NDArray[Any]) -> Iterator[tuple[slice, Tensor]]:
    for start in range(0, len(x), CHUNK):
        rows = slice(start, min(start + CHUNK, len(x)))
        block = torch.zeros((CHUNK, x.shape[1]), dtype=torch.int64)
        block[: rows.stop - start] = torch.from_numpy(x[rows].astype(np.int64))
        yield rows, block
