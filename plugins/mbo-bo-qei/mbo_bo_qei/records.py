"""Records passed between the stage and the search, without the library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

Hyperparameters: TypeAlias = Mapping[str, Tensor]
"""The parameters of a Gaussian process by name: its mean, scale and (1, d) lengthscales, before constraints."""


class Observed(NamedTuple):
    """Designs with their targets."""

    x: Tensor
    """(n, d)"""
    y: Tensor
    """(n,)"""
    std: Tensor
    """(n,) of the noise that is in y, known"""


class Found(NamedTuple):
    """The result of a round."""

    x: Tensor
    """(q, d) in the box"""
    improvement: Tensor
    """() by which the batch is expected to exceed the largest target"""
    start: Hyperparameters
    """the start of the next fit"""


def joined(first: Observed, later: Observed) -> Observed:
    """The first and, after them, the later ones."""
    return Observed(*map(torch.cat, zip(first, later, strict=True)))


def taken(observed: Observed, rows: Tensor | slice) -> Observed:
    """A selection, in the order of `rows`."""
    return Observed(*(part[rows] for part in observed))


def ranked(observed: Observed) -> Observed:
    """Sorted by target, largest first, ties by row."""
    return taken(observed, torch.sort(observed.y, descending=True, stable=True).indices)
