"""Records passed between the stage and the search, without the library."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from torch import Tensor

Acquisition: TypeAlias = Literal["log-nei", "log-ei"]


class Effort(NamedTuple):
    """The effort of the search for a batch."""

    samples: int
    """of the posterior, for the expectation"""
    restarts: int
    """starts of L-BFGS-B"""
    raw_samples: int
    """batches drawn in the box, of which the most promising are the starts"""
    at_once: int
    """starts optimised together"""
    iterations: int
    """the most iterations per start"""


class Known(NamedTuple):
    """What a batch is to improve on, in the coordinates of the search."""

    baseline: Tensor
    """(b, s) the most promising rows"""
    best: Tensor
    """() the best score"""
    pending: Tensor
    """(p, s) what has been chosen already"""
