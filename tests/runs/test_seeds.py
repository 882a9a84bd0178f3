"""What is written for one seed gives the same for many, stacked or one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

from mbo_core.functional import keys
from mbo_core.runs.seeds import AT_ONCE, STACK_BYTES, BySeed, PerSeed, at_once, groups, lift, mode, stack, unstack
from mbo_core.stages import NoProxy, NoUpdate, Proxy, Update, stage_option

SEEDS = keys.split(keys.key(0), 3)


class State(NamedTuple):
    weights: dict[str, torch.Tensor]
    steps: torch.Tensor


def init(key):
    return State({"a": keys.normal(key, (2, 3)), "b": keys.uniform(key, ())}, torch.tensor(0) + key[0] * 0)


def step(key, state):
    moved = state.weights["a"] + keys.normal(key, (2, 3))
    return State({"a": moved, "b": state.weights["b"] * 2}, state.steps + 1), {"loss": moved.square().mean()}


def test_stacked_and_looped_seeds_give_the_same():
    ended = {}
    for how in ("vmap", "loop"):
        state = lift(init, how, "state")(SEEDS)
        state, info = lift(step, how, "state", "tensors")(SEEDS, state)
        designs = lift(lambda one: one.weights["a"], how, "tensors")(state)
        ended[how] = (stack(unstack(state)), info["loss"], designs)
    torch.testing.assert_close(ended["vmap"], ended["loop"])
    assert ended["loop"][1].shape == (3,)
    assert ended["loop"][2].shape == (3, 2, 3)


def test_a_looped_stage_may_keep_any_object():
    class Model:
        def __init__(self, number):
            self.number = number

    models = lift(lambda key: Model(int(key[1])), "loop", "state")(SEEDS)
    assert isinstance(models, PerSeed)
    values = lift(lambda model: torch.tensor(model.number), "loop", "tensors")(models)
    assert torch.equal(values, SEEDS[:, 1])
    some = BySeed((4, 9, 7), models).only([7, 4])
    assert some.lifted == [models[2], models[0]]
    assert isinstance(some.lifted, PerSeed)


def test_stacked_seeds_cannot_draw_from_the_global_generator():
    with pytest.raises(RuntimeError, match="random"):
        lift(lambda key: torch.rand(2) + key, "vmap", "tensors")(SEEDS)


def test_unstacking_undoes_stacking():
    states = [init(key) for key in SEEDS]
    stacked = stack(states)
    assert stacked.weights["a"].shape == (3, 2, 3)
    torch.testing.assert_close(unstack(stacked), states, rtol=0, atol=0)


@pytest.mark.parametrize("how", ["vmap", "loop"])
def test_values_are_found_by_seed_number(how):
    states = dict(zip((4, 9, 7), map(init, SEEDS), strict=True))
    known = BySeed.of(states, how)
    assert list(known) == [4, 9, 7]
    for seed, state in known.only([7, 4]).items():
        torch.testing.assert_close(state, states[seed], rtol=0, atol=0)
    assert known.without({9: "it failed"}).seeds == (4, 7)
    assert dict(known.without(states)) == {}
    with pytest.raises(KeyError):
        known[5]


@dataclass(frozen=True, kw_only=True)
class Looping(NoProxy):
    name = "looping"
    lift = "loop"


@dataclass(frozen=True, kw_only=True)
class Wrapper(NoUpdate):
    name = "wrapper"
    proxy: Proxy = stage_option("a proxy")
    inner: Update = stage_option("an update")


def wrapped(proxy: Proxy) -> Wrapper:
    return Wrapper(proxy=NoProxy(), inner=Wrapper(proxy=proxy, inner=NoUpdate()))


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([NoProxy(), NoUpdate()], "vmap"),
        ([NoUpdate(), Looping()], "loop"),
        ([wrapped(NoProxy())], "vmap"),
        ([NoProxy(), wrapped(Looping())], "loop"),
    ],
    ids=["plain", "looping", "nested plain", "nested looping"],
)
def test_one_looping_stage_loops_the_seeds(stages, expected):
    """However deep it is inside another."""
    assert mode(*stages) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (torch.zeros(0), AT_ONCE),
        (object(), AT_ONCE),
        ({"a": torch.zeros(STACK_BYTES // 8)}, 2),
        ((torch.zeros(STACK_BYTES // 16), torch.zeros(STACK_BYTES // 32, dtype=torch.float64)), 2),
        (torch.zeros(STACK_BYTES), 1),
    ],
    ids=["empty", "object", "half", "half in two", "too large"],
)
def test_the_state_size_limits_stacked_seeds(state, expected):
    assert at_once(state) == expected


def test_groups_are_independent_of_seed_count():
    seeds = [5, 3, 8, 0, 1]
    assert groups(seeds, 2) == [(5, 3), (8, 0), (1,)]
    assert groups(seeds[:4], 2) == groups(seeds, 2)[:2]
    assert groups(seeds[:1], 2) == [(5,)]
