"""Means and standard deviations, by which designs and scores are standardised."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Statistics(NamedTuple):
    """Mean and population standard deviation of each coordinate, float64 (d,); a constant one has std 1."""

    mean: Tensor
    std: Tensor


def statistics(values: Tensor) -> Statistics:
    """Mean and population std of each column of (n, d) values, in float64."""
    wide = values.double()
    mean, std = wide.mean(0), wide.std(0, correction=0)
    # For a column of equal values, mean and std have rounding errors; such a std must not be divided by.
    constant = wide.amax(0) == wide.amin(0)
    return Statistics(torch.where(constant, wide[0], mean), torch.where(constant, torch.ones_like(std), std))


def unit(width: int) -> Statistics:
    """The statistics that change nothing."""
    return Statistics(torch.zeros(width, dtype=torch.float64), torch.ones(width, dtype=torch.float64))
