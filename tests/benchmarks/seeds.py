"""How much faster sixteen seeds at once are than sixteen runs one after another, side by side in one run.

    python tests/benchmarks/seeds.py [WIDTH ...]

For COMs' training at 86 inputs, batches of 128 and 50 mining steps it prints, for each width of the two hidden layers,
the milliseconds a seed and step both ways, their ratio, and which share of the speed of this machine's matrix product
(128 x width by width x width, float32, the setting in force) the stacked training reaches. Numbers vary from run to
run; ratios are what holds.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np
import torch

import mbo_core as mbo
from mbo_core.functional import precision
from mbo_core.recipes import resolve as recipe
from mbo_core.runs import seeds
from mbo_core.runs.default import train_proxy
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.job import at_once
from mbo_core.runs.records import Run
from mbo_core.tasks import Task

INPUTS, BATCH, MINING, SEEDS = 86, 128, 50, tuple(range(16))


def prepared(width: int, steps: int) -> Run:
    """A run that trains for so many steps."""
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(BATCH * steps, INPUTS))
    task = Task("noise", x, numbers.normal(size=len(x)))
    registry = mbo.installed()
    sets = [f"proxy.hidden=[{width}, {width}]", "proxy.epochs=1", "proxy.held_out=0"]
    coms = recipe.resolve(recipe.find("coms", registry), registry, kind="continuous", sets=sets)
    return Run(coms, task, encode_table(coms.encoding, SEEDS, task.table), SEEDS)


def milliseconds(run: Run, size: int, steps: int) -> float:
    """Training time a seed and step, the seeds in groups of `size`."""
    start = time.perf_counter()
    for group in seeds.groups(run.seeds, size):
        trained = train_proxy(replace(run.only(group), watch=type(run.watch)()))
        assert not trained.failed
    return (time.perf_counter() - start) * 1e3 / len(run.seeds) / steps


def product_speed(width: int) -> float:
    """GFLOP/s of one product of a batch with a hidden layer's weights."""
    left, right = torch.ones(BATCH, width), torch.ones(width, width)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(max(1, 2**22 // width**2)):
            left @ right
        best = min(best, (time.perf_counter() - start) / max(1, 2**22 // width**2))
    return 2 * BATCH * width**2 / best / 1e9


def products(width: int) -> float:
    """GFLOP of one COMs step: forward and backward in the inputs for mining, two losses with their gradients."""
    layer = 2 * BATCH * (INPUTS * width + width**2 + width)
    return (2 * MINING + 6) * layer / 1e9


def main() -> None:
    widths = [int(word) for word in sys.argv[1:]] or [64, 256, 2048]
    with precision.fast_products() as setting:
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, float32 products: {setting}")
        for width in widths:
            steps = {64: 8, 256: 4}.get(width, 1)
            run = prepared(width, steps)
            if width > 1000:
                run = run.only(SEEDS[:4])
            milliseconds(run.only(SEEDS[:1]), 1, steps)
            size = at_once(run)
            alone, together = milliseconds(run, 1, steps), milliseconds(run, size, steps)
            share = products(width) / (together / 1e3) / product_speed(width)
            print(
                f"width {width}: {alone:.1f} ms a seed and step one by one, {together:.1f} with {size} at once,"
                f" ratio {together / alone:.2f}; {share:.0%} of the product's speed"
            )


if __name__ == "__main__":
    main()
