"""Data for the tests: a smooth function of numbers, and of a level."""

import pytest
import torch

from mbo_core.functional import keys
from mbo_core.stages import Data, EncodedSpace
from mbo_core.stages.projection import Projection, Simplexes


def numbers(rows: int = 40, noise: float = 0.1) -> Data:
    """Two numbers."""
    x = keys.uniform(keys.key(1), (rows, 2))
    y = torch.sin(4 * x[:, 0]) + x[:, 1] + noise * keys.normal(keys.key(2), (rows,))
    ends = torch.zeros(2), torch.ones(2)
    return Data(x, (y - y.mean()) / y.std(correction=0), EncodedSpace("continuous", (2,), None, "real", *ends))


def levels(rows: int = 40) -> Data:
    """A number and a level of three, as the encoding `columns` writes them."""
    x, level = keys.uniform(keys.key(1), (rows, 1)), torch.arange(rows) % 3
    encoded = torch.cat([x, torch.eye(3)[level]], 1)
    y = torch.sin(4 * x[:, 0]) + level
    lower, upper = torch.zeros(4), torch.ones(4)
    projection = Projection(lower.double(), upper.double(), (Simplexes(1, 1, 3, own=3),))
    space = EncodedSpace("mixed", (4,), None, "real", lower, upper, projection)
    return Data(encoded, (y - y.mean()) / y.std(correction=0), space)


@pytest.fixture(name="numbers", scope="session")
def _numbers():
    return numbers


@pytest.fixture(name="levels", scope="session")
def _levels():
    return levels
