"""Small data, and small pairs and networks."""

from __future__ import annotations

import pytest
from mbo_root.functions import Pairs
from mbo_root.net import Trainer
from mbo_root.update import Transport

from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import Standardised
from mbo_core.tasks import Task

KEY = keys.key(3)
X = keys.normal(keys.key(5), (60, 4)).numpy()
DATA = encode_table(Standardised(), (0,), Task("hill", X, X.sum(1)).table).first
SMALL = {
    "candidates": 10,
    "epochs": 2,
    "steps": 5,
    "functions": 2,
    "points": 20,
    "pair_steps": 10,
    "step_size": 0.05,
    "hidden": (16,),
    "batch_size": 8,
}


@pytest.fixture
def data():
    """Sixty rows of four numbers, which score as their sum."""
    return DATA


@pytest.fixture
def made():
    """Makes a small search and its start."""

    def make(**options):
        update = Transport(**{**SMALL, **options})
        return update, update.init(KEY, DATA, ())[0]

    return make


@pytest.fixture
def pairs():
    """Three hundred pairs: the high end is 1 above the low one in each of four coordinates."""
    low = keys.normal(KEY, (300, 4))
    return Pairs(low, low + 1, low.sum(1), low.sum(1) + 4)


@pytest.fixture
def trainer():
    """Makes a small trainer."""

    def make(decay=0.0, average_from=0, rate=1e-2):
        return Trainer((16,), rate, 32, patience=200, decay=decay, average_from=average_from)

    return make
