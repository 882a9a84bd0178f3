"""Small data, and a proxy whose every number is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from mbo_reinforce.update import Reinforce
from torch import Tensor

from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import OneHot, Prediction, Proxy, Schedule, Standardised
from mbo_core.tasks import Space, Task

KEY = keys.key(3)
ROWS = 200
TOKENS = keys.randint(keys.key(7), (ROWS, 6), 4).numpy()
REAL = keys.normal(keys.key(5), (ROWS, 3)).numpy()
LETTERS = Task("letters", TOKENS, (TOKENS == 1).sum(1) + 0.0, space=Space.discrete(6, 4), replicates="keep")
DATA = {
    "one-hot": encode_table(OneHot(), (0,), LETTERS.table).first,
    "real": encode_table(Standardised(), (0,), Task("hill", REAL, -(REAL**2).sum(1)).table).first,
}


@dataclass(frozen=True, kw_only=True)
class Known(Proxy):
    """Predicts what it is told to."""

    reward: Callable[[Tensor], Tensor]
    name = "known"
    abilities = frozenset({"values"})

    def schedule(self, data):
        return Schedule(0, 1)

    def init(self, key, data):
        return torch.zeros(0)

    def step(self, key, state, batch):
        return state, {"loss": torch.zeros(())}

    def predict(self, state, x):
        mean = self.reward(x)
        return Prediction(mean, torch.zeros_like(mean))


@pytest.fixture
def made():
    """Makes an update on a known reward or another proxy, its start, and the data."""

    def make(kind, reward, **options):
        data = DATA[kind]
        proxy = reward if isinstance(reward, Proxy) else Known(reward=reward)
        update = Reinforce(proxy=proxy, **{"samples": 256, **options})
        return update, update.init(KEY, data, proxy.init(KEY, data)), data

    return make
