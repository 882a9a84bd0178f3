"""A seed's designs are the same alone and among others, at the sizes that the preset `quick` has."""

from __future__ import annotations

import pytest
from reliability.alone import compared, tasks

ROUNDING = 1e-4
"""The most that an encoded design may differ after a few steps: one network alone and many are rounded differently."""
EACH = {
    "coms": "continuous",
    "ignite": "mixed",
    "nemo": "discrete",
    "ram-cosine": "continuous",
    "reinforce": "discrete",
    "roma": "mixed",
}


@pytest.fixture(scope="module")
def made():
    return tasks()


@pytest.mark.slow
@pytest.mark.parametrize(("method", "kind"), EACH.items(), ids=EACH)
def test_a_seed_is_the_same_among_others(method, kind, made):
    found = compared(method, made[kind], most=3, sizes=(2, 3, 8))
    assert found["at_once"] > 1
    for size in ("2", "3", "8"):
        furthest, told_apart, _ = found[size]
        assert furthest < ROUNDING
        assert told_apart == 0


@pytest.mark.slow
@pytest.mark.parametrize("method", ["forest-evolution", "perturbed-rows"])
def test_in_a_loop_a_seed_is_unchanged(method, made):
    assert compared(method, made["mixed"], most=3, sizes=(2,))["2"] == [0, 0, 0]
