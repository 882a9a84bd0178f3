"""How far the choice of the forest alone moves a score: stored designs under forests that differ in their seed.

    python tests/benchmarks/forests.py [--forests N] RUN [RUN ...]

Each RUN is the folder of a run on Superconductor-RandomForest-v0; the task's own forest has seed 0. The 128 best rows
of the data are scored beside them: what a method would score that proposes what it was given.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from mbo_design_bench import rows, superconductor

from mbo_core.runs.store import Folder
from mbo_core.stages import CANDIDATES
from mbo_core.tasks import percentile

VISIBLE = "the best visible rows"


def main() -> None:
    options = arguments()
    x, y = rows.read(superconductor.FACTS)
    runs = {VISIBLE: [best_visible()], **{path: designs(Path(path)) for path in options.runs}}
    found: dict[str, list[list[float]]] = {path: [] for path in runs}
    for seed in range(options.forests):
        forest, correlation = superconductor.fit(x, y, seed)
        print(f"forest {seed}: held-out Spearman {correlation:.3f}, at most {forest.score(x).max():.0f} K")
        for path, each in runs.items():
            scores = [(forest.score(raw) - y.min()) / (y.max() - y.min()) for raw in each]
            found[path].append([float(np.mean([percentile(one, q) for one in scores])) for q in (100, 50)])
            print(f"  {path}: 100th {found[path][-1][0]:.3f}, 50th {found[path][-1][1]:.3f}")
    for path, values in found.items():
        print(f"{path} over forests: {', '.join(map(spread, ('100th', '50th'), np.array(values).T))}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--forests", type=int, default=8, metavar="N", help="how many, seeds 0 to N - 1; default 8")
    return parser.parse_args()


def best_visible() -> np.ndarray:
    """(128, 86) the visible rows with the largest scores, the best first."""
    task = superconductor.load()
    return np.asarray(task.x[np.argsort(-task.y, kind="stable")[:CANDIDATES]])


def designs(path: Path) -> list[np.ndarray]:
    """The raw designs of each seed of a run."""
    seeds = sorted(int(folder.name) for folder in (path / "seeds").iterdir())
    return [Folder(path).load_seed(seed)["designs"].numpy() for seed in seeds]


def spread(name: str, scores: np.ndarray) -> str:
    return f"{name} {scores.mean():.3f} ± {scores.std():.3f} ({scores.min():.3f} to {scores.max():.3f})"


if __name__ == "__main__":
    main()
