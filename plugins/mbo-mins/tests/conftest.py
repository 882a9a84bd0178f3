"""Small data, and a search whose players are known."""

from __future__ import annotations

import pytest
import torch
from mbo_mins.gan import GAN, Designs
from mbo_mins.update import MINs

from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import OneHot, Standardised
from mbo_core.tasks import Space, Task

KEY = keys.key(3)
ROWS = 200
TOKENS = keys.randint(keys.key(7), (ROWS, 5), 3).numpy()
REAL = keys.normal(keys.key(5), (ROWS, 4)).numpy()
LETTERS = Task("letters", TOKENS, (TOKENS == 1).sum(1) + 0.0, space=Space.discrete(5, 3), replicates="keep")
DATA = {
    "one-hot": encode_table(OneHot(), (0,), LETTERS.table).first,
    "real": encode_table(Standardised(), (0,), Task("hill", REAL, REAL.sum(1)).table).first,
}


@pytest.fixture
def encoded():
    """Data by kind."""
    return DATA


@pytest.fixture
def made():
    """Makes a small search, its start, and the data."""

    def make(kind="real", **options):
        small = {"hidden": (16, 16), "latent": 3, "batch_size": 16, "held_out": 20, "epochs": 5}
        update = MINs(**{**small, **options})
        return update, update.init(KEY, DATA[kind], ()), DATA[kind]

    return make


@pytest.fixture
def game():
    """Makes two small players of designs of one or more coordinates."""

    def make(designs=None, width=2, hidden=(16, 16), learning_rate=2e-3):
        return GAN(KEY, designs or Designs(None), width, 3, hidden, learning_rate)

    return make


@pytest.fixture
def lent():
    """Torch's generator, seeded for a test."""
    with keys.lend(KEY):
        yield


@pytest.fixture
def weights_of():
    """A copy of a player's weights."""
    return lambda net: torch.cat([one.detach().flatten().clone() for one in net.parameters()])
