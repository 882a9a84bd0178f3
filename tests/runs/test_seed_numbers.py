"""The seeds of a run: a count, or the seeds themselves."""

from __future__ import annotations

import numpy as np
import pytest

import mbo_core as mbo
from mbo_core.runs.planning import seed_numbers


@pytest.mark.parametrize(
    ("seeds", "numbers"),
    [(3, (0, 1, 2)), ([5], (5,)), ((2, 0), (2, 0)), (np.int64(2), (0, 1)), (np.array([3, 0]), (3, 0))],
    ids=["count", "one", "some", "numpy's count", "numpy's some"],
)
def test_seeds_are_a_count_or_the_seeds(seeds, numbers):
    assert seed_numbers(seeds) == numbers
    assert {type(number) for number in seed_numbers(seeds)} == {int}


@pytest.mark.parametrize("seeds", [0, -1, [], [-1], [1, 1], ["a"], [True], True, 1.5, [2**64], 20261122])
def test_seeds_that_make_no_sense_are_refused(seeds):
    with pytest.raises(mbo.RecipeError):
        seed_numbers(seeds)
