from __future__ import annotations

import numpy as np
import pytest
from mbo_design_bench import forest
from scipy.stats import spearmanr


def test_spearman_is_that_of_scipy():
    a, b = np.random.default_rng(0).integers(0, 9, (2, 50))
    assert forest.spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)


@pytest.mark.parametrize("held_out", [None, 40])
def test_the_held_out_rows_were_held_out(held_out):
    rng = np.random.default_rng(1)
    _, correlation = forest.grow(rng.random((400, 5)), rng.random(400), 0, train=200, held_out=held_out)
    assert abs(correlation) < 0.4  # on its own rows a forest ranks even noise, at about 0.98


def test_a_seed_decides_the_rows_and_the_trees():
    x = np.random.default_rng(1).random((60, 5))
    scores = [forest.grow(x, x[:, 0], seed, train=30)[0].predict(x) for seed in (0, 0, 1)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


@pytest.mark.slow
def test_other_forests_are_grown_on_demand():
    """They are scored beside the task's own forest."""
    x, grown = np.random.default_rng(1).random((60, 5)), []

    def fit(seed: int) -> forest.Forest:
        grown.append(seed)
        return forest.Forest("toy", 5, forest.grow(x, x[:, 0], seed, train=30)[0])

    oracles = forest.beside(fit(3), 3, fit)
    designs = x.astype(np.float32)
    assert next(iter(oracles.members)) == "3"
    assert np.array_equal(oracles.score(designs), fit(3).score(designs))
    assert grown == [3, 3]
    scores = {name: oracle.score(designs) for name, oracle in oracles.members.items()}
    assert [oracle.score(designs) is not None for oracle in oracles.members.values()] == [True] * forest.FORESTS
    assert grown == [3, 3, 0, 1, 2, 4, 5, 6, 7]
    assert len({score.tobytes() for score in scores.values()}) == forest.FORESTS
