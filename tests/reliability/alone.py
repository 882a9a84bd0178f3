"""How far a seed's designs differ between a run of that seed alone and runs with others, for every method.

    python tests/reliability/alone.py [--most 5] [--kinds discrete,mixed] [--sizes 2,16] [--out FILE] [METHOD ...]

Each method runs with the preset `quick`, so widths and batches have their usual sizes, on 1,024 rows of a made table
of each kind: eight letters of four, 86 numbers, or 13 columns of several kinds. `--most` cuts passes and steps, as
rounding has little time to grow in few; `--most 0` leaves them. Seeds 0 and 9 are compared between runs of 1, 2, 3, 8
and 16 seeds. For each method it prints the number of stacked seeds, the largest difference of an encoded design, the
share of designs that differ by more than `FAR`, and the same of the designs that people see. Lines that are in FILE
already are not measured again. Try it with `ATEN_CPU_CAPABILITY=default` too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

import mbo_core as mbo
from mbo_core.runs.encoded import encode_table
from mbo_core.runs.execute import execute
from mbo_core.runs.job import at_once
from mbo_core.runs.planning import Plan, plan
from mbo_core.runs.records import Run
from mbo_core.stages.contracts import Stage
from mbo_core.tasks import Space, Task
from mbo_core.tasks.columns import Category
from mbo_core.tasks.numbers import Real, Whole

ROWS = 1024
FAR = 1e-3
"""A difference, in units of the encoding (standard deviations, logits), beyond which designs are told apart."""
WATCHED = (0, 9)
ORDER = (*WATCHED, 15, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14)
COUNTS = ("epochs", "steps", "iterations", "generations", "rounds")


def tasks() -> dict[str, Task]:
    """A table of each kind whose score is a sum of effects and a few products, with noise."""
    random = np.random.default_rng(0)
    letters, numbers = random.integers(0, 4, (ROWS, 8)), random.normal(size=(ROWS, 86))
    levels = ("a", "b", "c", "d")
    columns = (
        *(Real(f"r{i}", (0.0, 1.0)) for i in range(6)),
        *(Real(f"s{i}", (0.0, 5.0), step=0.5) for i in range(2)),
        Whole("n", (0, 9)),
        *(Category(f"c{i}", levels) for i in range(4)),
    )
    steps = random.integers(0, 11, (ROWS, 2)) / 2
    amounts = random.integers(0, 10, (ROWS, 1))
    mixed = np.hstack([random.uniform(size=(ROWS, 6)), steps, amounts, random.integers(0, 4, (ROWS, 4))])
    spaces = {"discrete": Space.discrete(8, 4), "continuous": None, "mixed": Space(columns)}
    designs = {"discrete": letters, "continuous": numbers, "mixed": mixed}
    return {kind: _task(kind, designs[kind], spaces[kind], random) for kind in designs}


def _task(kind: str, x: Any, space: Space | None, random: np.random.Generator) -> Task:
    scaled = (x - x.mean(0)) / x.std(0)
    y = scaled @ random.normal(size=x.shape[1]) + scaled[:, 0] * scaled[:, -1] + random.normal(size=len(x)) / 2
    return Task(f"made-{kind}", x, y, space=space)


def shortened(stage: Stage, most: int) -> Stage:
    """A stage whose counts of passes and steps are cut, and those of its inner stages."""
    values = {one.name: getattr(stage, one.name) for one in fields(cast(Any, stage))}
    cut = {name: value for name, value in values.items() if name.endswith(COUNTS) and isinstance(value, int)}
    changed: dict[str, Any] = {name: min(value, 1 if name.endswith("epochs") else most) for name, value in cut.items()}
    changed |= {name: shortened(one, most) for name, one in values.items() if isinstance(one, Stage)}
    return cast(Stage, replace(cast(Any, stage), **changed))


def planned(method: str, task: Task, most: int) -> Plan:
    """A checked run of a method with the preset `quick`, where it has one."""
    registry = mbo.installed()
    try:
        found = plan(method, task, preset="quick", registry=registry)
    except mbo.RecipeError:
        found = plan(method, task, registry=registry)
    if not most:
        return found
    short = {role: shortened(stage, most) for role, stage in found.recipe.stages().items()}
    return replace(found, recipe=replace(found.recipe, **short))


def designs(whole: Plan, seeds: tuple[int, ...]) -> dict[int, tuple[torch.Tensor, Any]]:
    """The encoded and the raw designs of the watched seeds, in a run of these seeds."""
    result = execute(replace(whole, seeds=seeds), None, "cpu")
    assert not result.failed, result.failed
    return {seed: (result.trials[seed].encoded, result.trials[seed].raw) for seed in WATCHED if seed in seeds}


def stacked(whole: Plan) -> int:
    """How many seeds are trained at once."""
    encoded = encode_table(whole.recipe.encoding, WATCHED, whole.task.table)
    return at_once(Run(whole.recipe, whole.task, encoded, WATCHED))


def compared(method: str, task: Task, most: int, sizes: Sequence[int]) -> dict[str, Any]:
    """The differences of one method on one task."""
    start = time.perf_counter()
    whole = planned(method, task, most)
    size = stacked(whole)
    alone = {seed: one for number in WATCHED for seed, one in designs(whole, (number,)).items()}
    found: dict[str, Any] = {"at_once": size}
    for count in sizes if size > 1 else sizes[:1]:
        among = designs(whole, ORDER[:count])
        encoded = torch.stack([(among[seed][0] - alone[seed][0]).abs().amax(1) for seed in WATCHED])
        raw = np.stack([(among[seed][1] != alone[seed][1]).any(1) for seed in WATCHED])
        numbers = (float(encoded.max()), float((encoded > FAR).float().mean()), float(raw.mean()))
        found[str(count)] = [float(f"{number:.3g}") for number in numbers]
    return {**found, "seconds": round(time.perf_counter() - start, 1)}


def measured(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A line for each method and kind that is not in the file yet."""
    made, registry = tasks(), mbo.installed()
    lines = arguments.out.read_text().splitlines() if arguments.out and arguments.out.exists() else []
    known = [json.loads(line) for line in lines]
    capability = torch.backends.cpu.get_cpu_capability()
    for method in arguments.methods or sorted(registry.methods):
        for kind in arguments.kinds.split(","):
            about = {"method": method, "kind": kind, "most": arguments.most, "capability": capability}
            if not any(about.items() <= one.items() for one in known):
                yield {**about, **_outcome(method, made[kind], arguments)}


def _outcome(method: str, task: Task, arguments: argparse.Namespace) -> dict[str, Any]:
    try:
        return compared(method, task, arguments.most, [int(size) for size in arguments.sizes.split(",")])
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*")
    parser.add_argument("--most", type=int, default=5)
    parser.add_argument("--kinds", default="discrete,continuous,mixed")
    parser.add_argument("--sizes", default="2,3,8,16")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    for line in measured(arguments):
        text = json.dumps(line)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        if arguments.out:
            with arguments.out.open("a") as file:
                file.write(text + "\n")


if __name__ == "__main__":
    main()
