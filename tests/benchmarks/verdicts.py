"""How often each verdict is given on invented tables of which the truth is known.

    python tests/benchmarks/verdicts.py [--tables N]

Each has 5 columns of random numbers, and a score of unit variance: noise alone; a weak main effect (5 % of the
variance); a main effect that is half of it; four main effects (90 %); two columns that only act together (80 %).
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import torch
from mbo_propose.backtest import verdict

import mbo_core as mbo

ROWS = (20, 60, 200, 1000)
WORDS = ("supports", "weakly", "does not")


def _main(x: np.ndarray, share: float, columns: int) -> np.ndarray:
    """Main effects with a share of the variance; x is uniform on 0 to 1."""
    return np.sqrt(12 * share / columns) * (x[:, :columns] - 0.5).sum(1)


def _together(x: np.ndarray) -> np.ndarray:
    """Two columns that act only together, with 80 % of the variance."""
    return np.sqrt(0.8) * 12 * (x[:, 0] - 0.5) * (x[:, 1] - 0.5)


TRUTHS: Mapping[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "noise": (1.0, lambda x: np.zeros(len(x))),
    "a weak effect": (0.95, lambda x: _main(x, 0.05, 1)),
    "half an effect": (0.5, lambda x: _main(x, 0.5, 1)),
    "main effects": (0.1, lambda x: _main(x, 0.9, 4)),
    "only together": (0.2, _together),
}


def invented(name: str, rows: int, seed: int) -> mbo.Task:
    """A table."""
    noise, truth = TRUTHS[name]
    rng = np.random.default_rng([seed, rows])
    x = rng.random((rows, 5))
    return mbo.Task(name, x, truth(x) + np.sqrt(noise) * rng.standard_normal(rows))


def main() -> None:
    """Count the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=40)
    count = parser.parse_args().tables
    torch.set_num_threads(1)
    print(f"| of {count} tables | rows | {' | '.join(WORDS)} | CPU s each |\n|---|---|---|---|---|---|")
    for name in TRUTHS:
        for rows in ROWS:
            start = time.process_time()
            words = Counter(verdict(invented(name, rows, seed)).word for seed in range(count if rows < 1000 else 4))
            seconds = (time.process_time() - start) / words.total()
            print(f"| {name} | {rows} | {' | '.join(str(words[one]) for one in WORDS)} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
