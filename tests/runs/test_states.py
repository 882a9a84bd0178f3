"""A state becomes tensors and JSON, and the same state again."""

from __future__ import annotations

import json
import math
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

import mbo_core as mbo
from mbo_core.functional import keys
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.states import StateMismatch, Unstorable, pack, unpack
from mbo_core.stages import Batch, NoAdversary, Standardised, convert
from mbo_core.stages.options import options
from mbo_core.tasks import Task
from mbo_core.testing import small

Pair = namedtuple("Pair", "first second")
PROXIES = sorted(name for kind, name in mbo.installed().stages if kind == "proxy")
TRAINED = [name for name in PROXIES if "epochs" in options(mbo.installed().stage("proxy", name))]
"""Those that train by steps."""


def through_a_file(state: Any, like: Any) -> Any:
    tensors, described = pack(state)
    return unpack(load(save(tensors)), json.loads(json.dumps(described)), like)


def same(left: Any, right: Any) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)


def tiny(name: str) -> Any:
    """A proxy of ours with a small network."""
    stage = mbo.installed().stage("proxy", name)
    known = options(stage)
    values = {key: convert(known[key], value) for key, value in small(mbo.installed())["proxy", name].items()}
    adversary = {"adversary": NoAdversary()} if "adversary" in known else {}
    return stage(**values, **adversary)


@pytest.mark.parametrize("name", TRAINED)
def test_a_restored_proxy_trains_on_equally(name):
    x = torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).numpy()
    data = encode_table(Standardised(), (0,), Task("table", x, x.sum(1)).table).first
    proxy, batch = tiny(name), Batch(data.x, data.y, torch.ones_like(data.y))
    state, _ = proxy.step(keys.key(1), proxy.init(keys.key(0), data), batch)
    loaded = through_a_file(state, proxy.init(keys.key(9), data))
    assert type(loaded) is type(state)
    same(loaded, state)
    same(proxy.step(keys.key(2), loaded, batch), proxy.step(keys.key(2), state, batch))


@dataclass
class Ordinary:
    """A state as people write it with modules and optimisers."""

    net: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: Any
    scale: nn.Parameter
    steps: int = 0


def ordinary(seed: int = 0) -> Ordinary:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        scale = nn.Parameter(torch.rand(()))
    optimiser = torch.optim.Adam([*net.parameters(), scale], lr=0.1)
    return Ordinary(net, optimiser, torch.optim.lr_scheduler.MultiStepLR(optimiser, [2, 4]), scale)


def train(state: Ordinary, steps: int) -> Ordinary:
    x = torch.linspace(-1, 1, 15).reshape(5, 3)
    for _ in range(steps):
        state.optimiser.zero_grad()
        (state.scale * state.net(x) - x.sum(1, keepdim=True)).square().mean().backward()
        state.optimiser.step()
        state.schedule.step()
        state.steps += 1
    return state


def weights(state: Ordinary) -> list[torch.Tensor]:
    return [*state.net.state_dict().values(), state.scale.detach()]


def test_a_restored_module_and_optimiser_continue():
    """As if they had never been stored."""
    state, like = train(ordinary(), 3), ordinary(seed=1)
    untouched = [weight.clone() for weight in weights(like)]
    loaded = through_a_file(state, like)
    same(weights(train(loaded, 2)), weights(train(state, 2)))
    assert loaded.steps == 5
    assert loaded.optimiser.param_groups[0]["lr"] == state.optimiser.param_groups[0]["lr"]
    same(weights(like), untouched)


def test_a_module_may_be_the_whole_state():
    trained = train(ordinary(), 1).net
    same(through_a_file(trained, ordinary(seed=1).net).state_dict(), trained.state_dict())


TENSORS = {
    "float64": torch.tensor([math.pi, math.nan, -0.0], dtype=torch.float64),
    "int64": torch.tensor(2**62 + 1),
    "bool": torch.tensor([True, False]),
    "bfloat16": torch.ones(2, dtype=torch.bfloat16),
    "empty": torch.zeros(0, 3),
    "transposed": torch.arange(6.0).reshape(2, 3).T,
    "expanded": torch.tensor(1.0).expand(3),
    "part": torch.arange(9.0)[2:4],
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_of_any_kind_comes_back(name):
    loaded = through_a_file(TENSORS[name], torch.zeros_like(TENSORS[name]))
    same(loaded, TENSORS[name])


def test_tensors_that_share_memory_are_two_afterwards():
    shared = torch.ones(2)
    first, second = through_a_file((shared, shared), (torch.zeros(2), torch.zeros(2)))
    first += 1
    same(second, torch.ones(2))


@pytest.mark.parametrize(
    "state",
    [
        (),
        None,
        [1, True, "a", None, 0.1, math.inf],
        {"a.b": 1, "a": {"b": 2}, 3: {}},
        Pair([torch.ones(1)], (Pair(1, 2),)),
    ],
    ids=str,
)
def test_a_nest_keeps_its_structure_and_plain_values(state):
    loaded = through_a_file(state, state)
    assert loaded == state
    assert type(loaded) is type(state)


def test_a_restored_state_shares_no_memory():
    """Neither with the stored nor with the fresh state."""
    state, like = {"a": torch.zeros(2)}, {"a": torch.zeros(2)}
    tensors, described = pack(state)
    loaded = unpack(tensors, described, like)
    for tensor in (state["a"], like["a"], tensors["state['a']"]):
        tensor += 1
    same(loaded["a"], torch.zeros(2))


@pytest.mark.parametrize(
    ("state", "place"),
    [
        ({"a": [0, object()]}, r"state\['a'\]\[1\] .* builtins.object"),
        (Pair(1, lambda: 0), r"state.second .* builtins.function"),
        ({(1, 2): 3}, "state .* builtins.dict"),
        (ordinary, "state .* builtins.function"),
        (Ordinary, "state .* builtins.type"),
        ({"a": torch.eye(2).to_sparse()}, r"state\['a'\] .*sparse"),
        (torch.zeros(1, dtype=torch.complex128), "state .*complex128"),
    ],
)
def test_an_unstorable_value_is_located(state, place):
    with pytest.raises(Unstorable, match=place):
        pack(state)


ZERO = torch.zeros(2)


@pytest.mark.parametrize(
    ("state", "like", "facts"),
    [
        ({"a": ZERO}, {"b": ZERO}, [r"state\['b'\] is missing", r"state\['a'\] is unknown"]),
        ((ZERO,), [ZERO], ["stored as tuple, but should be list"]),
        ((ZERO, ZERO), (ZERO,), [r"state\[1\] is unknown"]),
        (Pair(1, ZERO), Pair(ZERO, ZERO), ["state.first is stored as plain, but should be tensor"]),
        (ZERO, torch.zeros(3), [r"state is float32 \(2,\), but should be float32 \(3,\)"]),
        (ZERO, ZERO.double(), [r"float32 \(2,\), but should be float64 \(2,\)"]),
        (nn.Linear(2, 1), nn.Linear(3, 1), [r"state\['weight'\] is float32 \(1, 2\), but should be float32 \(1, 3\)"]),
        (nn.Linear(2, 1), nn.Linear(2, 1).double(), ["should be float64", "'bias'"]),
        (nn.Linear(2, 1), nn.Linear(2, 1, bias=False), ["Linear.load_state_dict refuses .*bias"]),
        (nn.Linear(2, 1, bias=False), nn.Linear(2, 1), [r"the tensor state\['bias'\] is missing"]),
    ],
)
def test_a_foreign_state_is_a_misfit(state, like, facts):
    """All differences are listed."""
    with pytest.raises(StateMismatch) as mismatch:
        unpack(*pack(state), like)
    for fact in facts:
        mismatch.match(fact)


@pytest.mark.parametrize("described", [None, [], ["tensor", 7], ["tensor", "elsewhere"]], ids=str)
def test_an_invalid_description_is_a_misfit(described):
    with pytest.raises(StateMismatch):
        unpack(pack(ZERO)[0], described, ZERO)
