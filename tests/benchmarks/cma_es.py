"""How much faster all runs of CMA-ES are at once than one after another by the library's own loop, side by side.

    python tests/benchmarks/cma_es.py [COORDINATES ...]

For the recipe `cma-es` at its published constants (128 runs a seed, 100 generations, five networks of 256) and eight
seeds it prints the seconds of the whole search, and those that `cma` takes for as many runs with the same proxy: asked
for a design at a time, as the released code does, and for a generation at a time. The library is timed on a few runs,
spread over the seeds, and its time multiplied. Numbers vary from run to run; ratios are what holds.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

import mbo_core as mbo
from mbo_core import recipe
from mbo_core.encoding import encode_task
from mbo_core.parts import top
from mbo_core.pipeline import Run, stream_keys, train_proxy, update_solution
from mbo_core.seeds import unstack
from mbo_core.task import Task

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it misses matplotlib, which it needs for plots alone
    import cma

SEEDS, ROWS, TIMED = tuple(range(8)), 2000, 8


def prepared(d: int) -> Run:
    """The recipe on a quadratic with noise, its proxies hardly trained."""
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(ROWS, d))
    task = Task("quadratic", x, -((x - 1) ** 2).sum(1) + numbers.normal(size=ROWS))
    registry = mbo.installed()
    found = recipe.resolve(recipe.find("cma-es", registry), registry, kind="continuous", sets=["proxy.epochs=5"])
    return Run(found, task, encode_task(found.encoding, stream_keys(SEEDS, "encoding", "cpu"), task), SEEDS)


def by_library(start: torch.Tensor, generations: int, cost: Callable[[list[np.ndarray]], list[float]]) -> float:
    """Seconds of one run."""
    begin = time.perf_counter()
    search = cma.CMAEvolutionStrategy(start.double().numpy(), 0.5, {"verbose": -10})
    while not search.stop() and search.countiter < generations:
        designs = search.ask()
        search.tell(designs, cost(designs))
    return time.perf_counter() - begin


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, cma {cma.__version__}")
    for d in [int(word) for word in sys.argv[1:]] or [24, 86]:
        run = prepared(d)
        trained = train_proxy(run)
        update, proxy = run.recipe.update, run.recipe.proxy
        begin = time.perf_counter()
        solution = update_solution(run, trained)
        ours = time.perf_counter() - begin
        assert not solution.failed
        starts, states = top(run.data, update.candidates), unstack(trained.state)
        runs = len(SEEDS) * update.candidates
        seconds = {"a design": 0.0, "a generation": 0.0}
        for number in range(TIMED):
            state, start = states[number % len(states)], starts[number * len(starts) // TIMED]

            def cost(designs, state=state):
                return (-proxy.predict(state, torch.tensor(np.array(designs), dtype=torch.float32)).mean).tolist()

            def one_by_one(designs, cost=cost):
                return [cost([design])[0] for design in designs]

            with torch.no_grad():
                seconds["a design"] += by_library(start, update.generations, one_by_one)
                seconds["a generation"] += by_library(start, update.generations, cost)
        print(f"{d} coordinates: {len(SEEDS)} seeds of {update.candidates} runs at once take {ours:.1f} s")
        for what, taken in seconds.items():
            whole = taken / TIMED * runs
            print(f"  cma, the proxy asked {what} at a time: {whole:.0f} s (from {TIMED} runs), ratio {whole / ours:.1f}")


if __name__ == "__main__":
    main()
