"""How far the choice of the forest alone moves a score: stored designs under forests that differ in their seed.

    python tests/benchmarks/forests.py RUN [RUN ...]

Each RUN is the folder of a run on Superconductor-RandomForest-v0; the task's own forest has seed 0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from mbo_design_bench import rows, superconductor

from mbo_core.evaluation import percentile
from mbo_core.store import Folder

FORESTS = 8


def main() -> None:
    x, y = rows.read(superconductor.FACTS)
    runs = {path: designs(Path(path)) for path in sys.argv[1:]}
    found: dict[str, list[list[float]]] = {path: [] for path in runs}
    for seed in range(FORESTS):
        forest, correlation = superconductor.fit(x, y, seed)
        print(f"forest {seed}: held-out Spearman {correlation:.3f}, at most {forest.score(x).max():.0f} K")
        for path, each in runs.items():
            scores = [(forest.score(raw) - y.min()) / (y.max() - y.min()) for raw in each]
            found[path].append([float(np.mean([percentile(one, q) for one in scores])) for q in (100, 50)])
            print(f"  {path}: 100th {found[path][-1][0]:.3f}, 50th {found[path][-1][1]:.3f}")
    for path, values in found.items():
        best, median = np.array(values).T
        line = f"100th {best.mean():.3f} ± {best.std():.3f} ({best.min():.3f} to {best.max():.3f})"
        print(f"{path} over forests: {line}, 50th {median.mean():.3f} ± {median.std():.3f}")


def designs(path: Path) -> list[np.ndarray]:
    """The raw designs of each seed of a run."""
    seeds = sorted(int(folder.name) for folder in (path / "seeds").iterdir())
    return [Folder(path).load_seed(seed)["designs"].numpy() for seed in seeds]


if __name__ == "__main__":
    main()
