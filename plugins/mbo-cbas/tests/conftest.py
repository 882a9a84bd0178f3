"""Small updates on small data, and searches and proxies whose every number is known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pytest
import torch
from mbo_cbas.autofocus import Autofocus
from mbo_cbas.update import CbAS
from mbo_grad_ascent.proxy import Ensemble
from torch import Tensor
from torch.distributions import Normal

from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.stages import NoAdversary, OneHot, Prediction, Proxy, Schedule, Standardised, Update
from mbo_core.tasks import Space, Task

KEY = keys.key(3)
ROWS = 90
TOKENS = keys.randint(keys.key(7), (ROWS, 5), 3).numpy()
REAL = keys.normal(keys.key(5), (ROWS, 4)).numpy()
LETTERS = Task("letters", TOKENS, (TOKENS == 1).sum(1) + 0.0, space=Space.discrete(5, 3), replicates="keep")
DATA = {
    "one-hot": encode_table(OneHot(), (0,), LETTERS.table).first,
    "real": encode_table(Standardised(), (0,), Task("hill", REAL, -(REAL**2).sum(1)).table).first,
}
PROXY = Ensemble(adversary=NoAdversary(), members=2, hidden=(8,), batch_size=20, held_out=10)
SIZES = {"hidden": (16,), "latent": 3, "prior_epochs": 3, "held_out": 20, "epochs": 4}
SMALL = {**SIZES, "samples": 200, "samples_held_out": 40}
SMALLER = {**SIZES, "samples": 100, "samples_held_out": 20}
CBAS = CbAS(proxy=PROXY, batch_size=40, candidates=8, **SMALLER)


@dataclass(frozen=True, kw_only=True)
class KnownProxy(Proxy):
    """The score is the sum of the coordinates, the first twice, plus the state, and its std is given."""

    std: float = 0.3
    name = "known"
    abilities = frozenset({"values", "uncertainty"})

    def schedule(self, data):
        return Schedule(1, 10)

    def init(self, key, data):
        return torch.zeros(())

    def step(self, key, state, batch):
        return state + 1, {"loss": state}

    def predict(self, state, x):
        mean = x.sum(1) + x[:, 0] + state
        return Prediction(mean, torch.full_like(mean, self.std))


@dataclass(frozen=True, kw_only=True)
class CountingProxy(Proxy):
    """Predicts the number of its steps, and logs their batches."""

    log: list = field(default_factory=list)
    name = "count"
    abilities = frozenset({"values", "partial_fit"})

    def schedule(self, data):
        return Schedule(epochs=99, batch_size=len(data.y))

    def init(self, key, data):
        return torch.zeros(())

    def step(self, key, state, batch):
        self.log.append(("refresh", batch))
        return state + 1, {"loss": batch.w.mean()}

    def predict(self, state, x):
        return Prediction(state.expand(len(x)), torch.zeros(len(x)))


class Line(NamedTuple):
    """A search model q = N(mean, 1), of a prior N(0, 1)."""

    mean: Tensor
    proxy: object


@dataclass(frozen=True, kw_only=True)
class SlidingNormal(Update):
    """Moves its search model by a number each step, and logs what the proxy predicts."""

    proxy: Proxy
    log: list = field(default_factory=list)
    by: float = 1.0
    name = "slide"

    @property
    def needs(self):
        return frozenset({"values"})

    def length(self, data):
        return 3

    def init(self, key, data, proxy_state):
        return Line(torch.zeros(()), proxy_state)

    def step(self, key, state, data, number):
        self.log.append(("search", float(self.proxy.predict(state.proxy, data.x).mean[0])))
        return state._replace(mean=state.mean + self.by), {"mean": state.mean}

    def designs(self, state):
        return state.mean[None, None]

    def log_density_ratio(self, key, state, data, source):
        q, p = (Normal(mean, 1.0, validate_args=False) for mean in (state.mean, 0.0))
        return (q.log_prob(data.x) - p.log_prob(data.x))[:, 0]

    def with_proxy(self, state, proxy_state):
        return state._replace(proxy=proxy_state)


@pytest.fixture
def encoded():
    """Data by kind."""
    return DATA


@pytest.fixture
def ensemble():
    """A small ensemble."""
    return PROXY


@pytest.fixture
def cbas():
    """A small search."""
    return CBAS


@pytest.fixture
def known_proxy():
    return KnownProxy


@pytest.fixture
def counting_proxy():
    return CountingProxy


@pytest.fixture
def sliding_normal():
    return SlidingNormal


@pytest.fixture
def made():
    """Makes a small `cbas`, its start on an untrained proxy, and the data."""

    def make(kind="real", proxy=PROXY, **options):
        update = CbAS(proxy=proxy, **{**SMALL, "batch_size": 40, "candidates": 16, **options})
        return update, update.init(KEY, DATA[kind], proxy.init(keys.key(9), DATA[kind]))[0], DATA[kind]

    return make


@pytest.fixture
def focused():
    """Makes a small `autofocus` around a small `cbas`, its start on an untrained proxy, and the data."""

    def make(kind="real", **options):
        update = Autofocus(proxy=PROXY, inner=CBAS, **{"epochs": 2, **options})
        return update, update.init(KEY, DATA[kind], PROXY.init(keys.key(9), DATA[kind]))[0], DATA[kind]

    return make


@pytest.fixture
def sliding():
    """Makes an `autofocus` on rows of one coordinate whose densities are known, its start, the data and its log."""

    def make(rows=(-1.0, 0.0, 0.5, 2.0), by=1.0, **options):
        log: list = []
        x = torch.tensor(rows)[:, None]
        data = replace(DATA["real"], x=x, y=torch.arange(float(len(x))))
        proxy = CountingProxy(log=log)
        inner = SlidingNormal(proxy=proxy, log=log, by=by)
        update = Autofocus(proxy=proxy, inner=inner, **{"epochs": 1, **options})
        return update, update.init(KEY, data, proxy.init(KEY, data))[0], data, log

    return make
