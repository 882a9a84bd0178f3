"""What flows between the stage and the search; the library is not needed for it."""

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


class Effort(NamedTuple):
    """How hard a batch is searched for."""

    samples: int
    """of the posterior, for the expectation"""
    restarts: int
    """starts of L-BFGS-B"""
    raw_samples: int
    """batches drawn in the box, the promising of which are the starts"""
    at_once: int
    """starts that are moved together"""
    iterations: int
    """the most that a start is moved"""


class Found(NamedTuple):
    """What a round found."""

    x: Tensor
    """(q, d) in the box"""
    improvement: Tensor
    """() by which the batch is expected to exceed the largest target"""
    start: Hyperparameters
    """where the next fit starts from"""


def joined(first: Observed, later: Observed) -> Observed:
    """The first and, after them, the later ones."""
    return Observed(*map(torch.cat, zip(first, later, strict=True)))


def taken(observed: Observed, rows: Tensor | slice) -> Observed:
    """Some of them, in the order of `rows`."""
    return Observed(*(part[rows] for part in observed))


def ranked(observed: Observed) -> Observed:
    """The largest target first, ties by row."""
    return taken(observed, torch.sort(observed.y, descending=True, stable=True).indices)
