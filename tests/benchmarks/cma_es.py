"""How much faster all runs of CMA-ES are at once than one after another by the library's own loop, side by side.

    python tests/benchmarks/cma_es.py [COORDINATES ...]

For the recipe `cma-es` at its published constants (128 runs a seed, 100 generations, five networks of 256) and eight
seeds it prints the seconds of the whole search, and those that `cma` takes for as many runs with the same proxy: asked
for a design at a time, as the released code does, for a generation at a time, and for nothing at all, which is the most
that batches of predictions could save. As other work on a machine comes and goes, both take turns: a few generations
of ours, then a whole run of the library's, for a seed and start after another, whose time is multiplied. Numbers vary
from run to run; ratios are what holds.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

import mbo_core as mbo
from mbo_core.functional import precision
from mbo_core.recipes import resolve as recipe
from mbo_core.runs.default import train_proxy, update_solution
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.records import Run, TrainedProxy
from mbo_core.stages import top
from mbo_core.tasks import Task

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it misses matplotlib, which it needs for plots alone
    import cma

SEEDS, ROWS, ROUNDS = tuple(range(8)), 2000, 5
WAYS = ("a design at a time", "a generation at a time", "nothing")


def prepared(d: int) -> Run:
    """The recipe on a quadratic with noise, its proxies hardly trained."""
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(ROWS, d))
    task = Task("quadratic", x, -((x - 1) ** 2).sum(1) + numbers.normal(size=ROWS))
    registry = mbo.installed()
    found = recipe.resolve(recipe.find("cma-es", registry), registry, kind="continuous", sets=["proxy.epochs=5"])
    return Run(found, task, encode_table(found.encoding, SEEDS, task.table), SEEDS)


def ours(run: Run, trained: TrainedProxy) -> float:
    """Seconds of the search for a share of the generations, all runs of all seeds at once."""
    update = replace(run.recipe.update, generations=run.recipe.update.generations // ROUNDS)
    begin = time.perf_counter()
    with precision.fast_products():
        candidates = update_solution(replace(run, recipe=replace(run.recipe, update=update)), trained)
    assert not candidates.failed
    return time.perf_counter() - begin


def by_library(start: Tensor, generations: int, cost: Callable[[Any], list[float]]) -> float:
    """Seconds of one run."""
    begin = time.perf_counter()
    search = cma.CMAEvolutionStrategy(start.double().numpy(), 0.5, {"verbose": -10})
    while not search.stop() and search.countiter < generations:
        designs = search.ask()
        search.tell(designs, cost(designs))
    return time.perf_counter() - begin


def theirs(run: Run, trained: TrainedProxy, number: int, asked: str) -> float:
    """Seconds of one run by the library."""
    update, proxy, seed = run.recipe.update, run.recipe.proxy, number % len(SEEDS)
    state = trained.states[seed]

    def at_once(designs: Any) -> list[float]:
        x = torch.tensor(np.array(designs), dtype=torch.float32)
        return (-proxy.predict(state, x).mean).tolist()

    def one_by_one(designs: Any) -> list[float]:
        return [at_once([design])[0] for design in designs]

    def never(designs: Any) -> list[float]:
        return list(np.square(designs).sum(1))

    cost = {WAYS[0]: one_by_one, WAYS[1]: at_once, WAYS[2]: never}[asked]
    with torch.no_grad(), precision.fast_products():
        return by_library(top(run.data, update.candidates)[16 * number], update.generations, cost)


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, cma {cma.__version__}")
    for d in [int(word) for word in sys.argv[1:]] or [24, 86]:
        run = prepared(d)
        trained = train_proxy(run)
        runs = len(SEEDS) * run.recipe.update.candidates
        whole, other = 0.0, dict.fromkeys(WAYS, 0.0)
        for number in range(ROUNDS):
            whole += ours(run, trained)
            for way in WAYS:
                other[way] += theirs(run, trained, number, way) * runs / ROUNDS
        print(f"{d} coordinates: {runs} runs at once take {whole:.1f} s")
        for way, seconds in other.items():
            print(f"  cma, the proxy asked {way}: {seconds:.0f} s, ratio {seconds / whole:.1f}")


if __name__ == "__main__":
    main()
