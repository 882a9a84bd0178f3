"""Whether methods run on a large table, and what they need.

    python tests/benchmarks/million.py [--rows N] [--methods NAMES] [--seeds N] [--budget TIME] [--profile]

For each method a fresh Python makes a table of so many rows of 20 columns (numbers on a grid, real numbers, whole
numbers and a category of six levels), and runs the method's preset `table` on it. Printed are the seconds of making the
task and of the run, and the largest memory. The aim is 10 minutes and 8 GB at 1,000,000 rows on 2 cores. With
`--methods propose` the table is a CSV file for `mbo propose` with a budget of 10 minutes, and the aim is 15 minutes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import mbo_core as mbo

COLUMNS = 20
MINUTES, GIGABYTES = 10, 8
PROPOSING = 15
"""Minutes for `mbo propose`."""


def table(rows: int) -> pd.DataFrame:
    """A table whose score is a smooth function of some columns, with noise."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (rows, COLUMNS - 1))
    frame = pd.DataFrame({f"c{place}": x[:, place] for place in range(COLUMNS - 1)})
    for place in range(6):
        frame[f"c{place}"] = (100 * frame[f"c{place}"]).round(1)
    for place in range(6, 9):
        frame[f"c{place}"] = (50 * frame[f"c{place}"]).astype(int)
    frame["gas"] = np.array(["N2", "air", "Ar", "O2", "CO2", "He"])[rng.integers(6, size=rows)]
    frame["yield"] = 10 * np.sin(3 * x[:, 9]) - 5 * (x[:, 0] - 0.4) ** 2 + x[:, 7] + rng.normal(0, 0.1, rows)
    return frame


def gigabytes() -> float:
    """The largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(method: str, rows: int, seeds: int) -> None:
    """Print what one method needs."""
    frame, start = table(rows), time.perf_counter()
    task = mbo.Task("large", frame, target="yield")
    made, at_task = time.perf_counter() - start, gigabytes()
    result = mbo.run(method, task, seeds=seeds, preset="table")
    assert not result.failed
    assert all(task.space.contains(designs).all() for designs in result.designs)
    whole = time.perf_counter() - start
    verdict = "within" if whole < 60 * MINUTES and gigabytes() < GIGABYTES else "BEYOND"
    print(
        f"{method}, {rows:,} rows, {seeds} seeds: task {made:.0f} s and {at_task:.1f} GB, run {whole - made:.0f} s, at"
        f" most {gigabytes():.1f} GB: {verdict} {MINUTES} minutes and {GIGABYTES} GB"
    )


def propose(rows: int, budget: str) -> None:
    """Print what `mbo propose` needs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        table(rows).to_csv(path, index=False)
        start = time.perf_counter()
        asked = ["mbo", "propose", path, "--target", "yield", "--budget", budget, "--out", Path(folder) / "out"]
        subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    memory, cpu = used.ru_maxrss / 2**20, used.ru_utime + used.ru_stime
    verdict = "within" if seconds < 60 * PROPOSING and memory < GIGABYTES else "BEYOND"
    print(
        f"mbo propose, {rows:,} rows: {seconds:.0f} s ({cpu:.0f} s of CPU), at most {memory:.1f} GB: {verdict}"
        f" {PROPOSING} minutes and {GIGABYTES} GB"
    )


def main() -> None:
    """Measure each method in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--methods", default="coms,grad-ascent")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--budget", default="10m", help="of mbo propose")
    parser.add_argument("--profile", action="store_true", help="also print where the time goes, in this process")
    given = parser.parse_args()
    methods = given.methods.split(",")
    if len(methods) > 1:
        for method in methods:
            more = ["--rows", str(given.rows), "--seeds", str(given.seeds), *["--profile"] * given.profile]
            subprocess.run([sys.executable, __file__, "--methods", method, *more], check=True)
        return
    if methods[0] == "propose":
        propose(given.rows, given.budget)
        return
    watched = cProfile.Profile()
    if given.profile:
        watched.enable()
    measure(methods[0], given.rows, given.seeds)
    if given.profile:
        watched.disable()
        pstats.Stats(watched).sort_stats("cumulative").print_stats("mbo_core", 40)


if __name__ == "__main__":
    main()
