"""Our own data sets: designs from a fixed seed, scores from a file in this package.

The designs follow, to the last bit, from uniform draws, sums and products, and for Hopper from the scores of earlier
ones; so a few kilobytes of scores replace a data set, and no bodies are simulated before a first run.
`python -m mbo_design_bench.robots.make` repeats the simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from mbo_design_bench.robots import ant, hopper

Numbers = NDArray[np.float64]

MUJOCO = "4.0.0"
"""The MuJoCo version of the scores; another changes the scores of the Ant by up to 60."""

ANT_FILE = "ant_gait.npy"
ANT_ROWS = 5000
ANT_SEED = 0
ANT_SPREAD = 0.125
"""The standard deviation around the default body, as a fraction of half the bounds, as in morphing-agents."""

HOPPER_FILE = "hopper_gym.npy"
HOPPER_SEED = 0
FIRST = 1600
"""Controllers drawn at random."""
GENERATIONS = 5
CHILDREN = 320
"""Controllers of each later generation: copies with noise of the best so far."""
HOPPER_ROWS = FIRST + GENERATIONS * CHILDREN
PARENTS = 40
GAINS = (0.25, 0.5, 1.0, 2.0)
"""Random controllers, one after the other, have weights of these sizes times `sizes`."""
NOISES = (0.05, 0.1, 0.2, 0.4)
"""Each parent's children, two of each, are off by these parts of `sizes`."""


def scores(file: str) -> Numbers:
    """The scores of all designs of a data set, as simulated."""
    with files("mbo_design_bench.robots").joinpath(file).open("rb") as stream:
        return np.asarray(np.load(stream, allow_pickle=False), dtype=np.float64)


def bodies() -> Numbers:
    """(5000, 60) bodies of the Ant around the default one."""
    draws = np.random.Generator(np.random.PCG64(ANT_SEED)).random((3, ANT_ROWS, ant.LEG.length))
    noise = 2 * (draws[0] + draws[1] + draws[2] - 1.5)  # nearly normal, of variance 1, and the same everywhere
    low, high = (np.tile(ends, 4) for ends in (ant.LEG.lower, ant.LEG.upper))
    return np.asarray(np.ravel(ant.DEFAULT) + ANT_SPREAD * (high - low) / 2 * noise).clip(low, high)


def controllers(known: Numbers) -> Iterator[Numbers]:
    """The controllers of the Hopper, generation by generation.

    Args:
        known: the scores so far; the same array must have them before the next generation is requested.
    """
    rng = np.random.Generator(np.random.PCG64(HOPPER_SEED))
    made: list[Numbers] = []
    for number in range(1 + GENERATIONS):
        noise = 2 * rng.random((CHILDREN if number else FIRST, hopper.LENGTH)) - 1
        made.append(_children(np.concatenate(made), known, noise) if number else _gains(noise) * noise * sizes())
        yield made[-1]


def _gains(noise: Numbers) -> Numbers:
    return np.resize(np.array(GAINS), len(noise))[:, None]


def _children(earlier: Numbers, known: Numbers, noise: Numbers) -> Numbers:
    best = np.argsort(-known[: len(earlier)], kind="stable")[:PARENTS]
    child = np.arange(len(noise))
    steps = np.array(NOISES)[child // PARENTS % len(NOISES)]
    return earlier[best[child % PARENTS]] + steps[:, None] * noise * sizes()


def sizes() -> Numbers:
    """The range of each weight of a controller, (5126,): a uniform draw of its layer's usual variance."""
    parts = [np.full(int(np.prod(shape)), (3 / shape[0]) ** 0.5 if len(shape) > 1 else 0.1) for shape in hopper.SHAPES]
    return np.concatenate([*parts, np.full(hopper.UNUSED, 0.1)])
