"""Invented tables, and proxies that know what they should not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from mbo_propose.backtest import Candidate

import mbo_core as mbo
from mbo_core.stages import NoUpdate, Prediction, Proxy, Schedule, option


@pytest.fixture
def table():
    """Makes an invented table."""
    return invented


@pytest.fixture
def told():
    """Makes a candidate whose proxy predicts a multiple of the first coordinate; what it saw is emptied."""
    Told.seen.clear()
    return told_of


def invented(rows: int, seed: int = 0, effect: float = 1.0, noise: float = 0.0, columns: int = 4) -> mbo.Task:
    """Random designs; the score is the effect of the first column, in standard deviations, and noise."""
    rng = np.random.default_rng([seed, rows])
    x = rng.random((rows, columns))
    y = effect * (x[:, 0] - 0.5) * np.sqrt(12) + noise * rng.standard_normal(rows)
    return mbo.Task("invented", x, y)


@dataclass(frozen=True, kw_only=True)
class Told(Proxy):
    """Predicts a multiple of the first coordinate, and notes what it was given."""

    factor: float = option(1.0, "of the first coordinate")

    name: ClassVar[str] = "told"
    abilities = frozenset({"values"})
    lift = "loop"
    seen: ClassVar[list[np.ndarray]] = []
    """The scores of each training."""

    def schedule(self, data):
        return Schedule(epochs=0, batch_size=1)

    def init(self, key, data):
        self.seen.append(data.y.numpy())
        return torch.tensor(self.factor)

    def step(self, key, state, batch):
        raise NotImplementedError

    def predict(self, state, x):
        return Prediction(state * x[:, 0], torch.zeros(len(x)))


def told_of(factor: float, name: str | None = None) -> Candidate:
    """A candidate whose proxy predicts a multiple of the first coordinate."""
    recipe = {"encoding": {"use": "columns"}, "proxy": Told(factor=factor), "update": NoUpdate()}
    return Candidate(name or f"told {factor:g}", recipe)
