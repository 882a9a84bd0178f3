"""What methods propose on tables of experiments, beside simple ways to propose, by judges that know all rows.

    python tests/benchmarks/tables.py [--methods NAMES] [--tables NAMES] [--seeds N] [--preset NAME] [--out FOLDER]
    python tests/benchmarks/tables.py --methods users [--against propose] ...

`--methods users` is `mbo propose` and what users would run instead: botorch, BayBE, Optuna and simple ways. Those and
four of the tables are in packages that `tests/benchmarks/requirements.txt` names; a tool that is not installed is named
and left out. `--against METHOD` shows paired differences to a method.

Each seed sees a random half of the lower 80 % of a table's designs by score, its own half, and proposes one batch of
16 designs in the space of the whole table. Judged are designs that lie in the space: by the table, where it holds the
design, else by the nearest row, with the distance (in ranges of a column, summed over the columns); and by a forest and
a Gaussian process on all rows. A batch that repeats a design counts it as often; `new` is the number of distinct
designs that are not among the visible rows.

Results are appended to `results.csv` in the folder, a line for each table, method and seed, with the designs beside it;
what is there is not run again. `tables.md` and `tables.csv` show means and standard errors over seeds, in the units
of the table; with --show nothing is run.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tabular.cases import CASES, visible
from tabular.judges import Judges
from tabular.paired import wide
from tabular.peers import PEERS
from tabular.simple import SIMPLE

import mbo_core as mbo

BATCH = 16
USERS = ("propose", "botorch", "baybe", "optuna-tpe", "optuna-gp", *(name for name in SIMPLE if name != "gp"))
"""What a person with a table may choose between; `gp` is botorch without noise."""
JUDGES = ("nearest", "forest", "process")
FIELDS = ("table", "method", "seed", "seconds", "inside", "distinct", "new", "held", "distance", "failed")
COLUMNS = (*FIELDS, *(f"{judge}_{of}" for judge in JUDGES for of in ("mean", "best")))


def proposed(method: str, task: mbo.Task, seed: int, preset: str) -> Any:
    """The designs that a method proposes, (16, length)."""
    if method in SIMPLE:
        return SIMPLE[method](task, BATCH, seed)
    if method in PEERS:
        return PEERS[method].proposed(task, BATCH, seed)
    result = mbo.run(method, task, seeds=[seed], preset=preset)
    if seed in result.failed:
        raise RuntimeError(result.failed[seed])
    return result.trials[seed].raw


def judged(judges: Judges, task: mbo.Task, x: Any) -> dict[str, Any]:
    """What the judges say of the designs that lie in the space."""
    whole = judges.whole
    inside = whole.space.contains(x)
    known = {design.tobytes() for design in task.x}
    distinct = {design.tobytes() for design in x}
    row: dict[str, Any] = {"inside": int(inside.sum()), "distinct": len(distinct), "new": len(distinct - known)}
    if not inside.any():
        return row
    nearest, distance = judges.nearest(x[inside])
    row |= {"held": int((distance < 1e-9).sum()), "distance": float(distance.mean())}
    for judge, scores in zip(JUDGES, (nearest, judges.forest(x[inside]), judges.process(x[inside])), strict=True):
        row |= {f"{judge}_mean": whole.sign * scores.mean(), f"{judge}_best": whole.sign * scores.max()}
    return row


def one(judges: Judges, method: str, seed: int, preset: str, out: Path) -> dict[str, Any]:
    """A method's line for one table and seed; what it raises is recorded."""
    task, start = visible(judges.whole, seed), time.process_time()
    row: dict[str, Any] = {"table": judges.whole.name, "method": method, "seed": seed}
    try:
        x = proposed(method, task, seed, preset)
    except Exception as error:  # of other people's tools too
        return {**row, "failed": f"{error!r}".splitlines()[0][:200]}
    row["seconds"] = time.process_time() - start
    folder = out / "designs"
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / f"{judges.whole.name}-{method}-{seed}.csv", x, delimiter=",", fmt="%.17g")
    return {**row, **judged(judges, task, x)}


def read(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file; none if it is not there."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a line to a CSV file."""
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if fresh:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})


def go(methods: list[str], tables: list[str], seeds: Iterable[int], preset: str, out: Path) -> None:
    """Run what is not yet in the results: seed by seed, so that an interrupted run is even."""
    every = {name: Judges(CASES[name]()) for name in tables}
    for seed in seeds:
        for name, judges in every.items():
            done = {(line["table"], line["method"], line["seed"]) for line in read(out / "results.csv")}
            for method in methods:
                if (name, method, str(seed)) not in done:
                    row = one(judges, method, seed, preset, out)
                    append(out / "results.csv", row)
                    print(*(f"{key}={row[key]}" for key in ("table", "method", "seed", "new", "failed") if key in row))


def there(methods: Iterable[str]) -> list[str]:
    """The methods whose packages are installed; the others are named."""
    missing = {name: peer.package for name, peer in PEERS.items() if name in set(methods) and peer.missing}
    for name, package in missing.items():
        print(f"{name}: left out, as {package} is not installed (tests/benchmarks/requirements.txt)")
    return [name for name in methods if name not in missing]


def cell(values: list[float], digits: int) -> str:
    """Mean and standard error."""
    if not values:
        return "-"
    error = f" ± {np.std(values, ddof=1) / np.sqrt(len(values)):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{error}"


COMPARED = {
    "nearest_mean": "the mean of the batch by the nearest row", "nearest_best": "its best by the nearest row",
    "forest_mean": "the mean by a forest", "process_mean": "the mean by a Gaussian process",
    "inside": "designs that lie in the space", "seconds": "CPU seconds",
}  # fmt: skip
SHOWN = {
    "nearest_mean": "nearest row: mean", "nearest_best": "best", "forest_mean": "forest: mean", "forest_best": "best",
    "process_mean": "GP: mean", "process_best": "best", "distance": "distance", "held": "held", "new": "new",
    "seconds": "s",
}  # fmt: skip


def summary(lines: list[dict[str, str]], name: str) -> list[list[str]]:
    """The cells of one table of results, its heading first; the order is that of the mean by the nearest rows."""
    own = [line for line in lines if line["table"] == name]
    by: dict[str, list[dict[str, str]]] = {}
    for line in own:
        by.setdefault(line["method"], []).append(line)
    # Degradation is at most 1 or so, yields and strengths are near 100.
    digits = 1 if max((abs(float(line["nearest_mean"] or 0)) for line in own), default=0) > 10 else 3
    rows = []
    for method, few in by.items():
        values = {key: [float(line[key]) for line in few if line[key]] for key in SHOWN}
        rows.append([method, str(len(few)), *(cell(values[key], _digits(key, digits)) for key in SHOWN)])
    return [["method", "seeds", *SHOWN.values()], *rows]


def _digits(key: str, digits: int) -> int:
    return {"distance": 3, "held": 1, "new": 1, "seconds": 1}.get(key, digits)


def show(out: Path) -> None:
    """Write and print the tables of all results."""
    lines, texts = read(out / "results.csv"), []
    with (out / "tables.csv").open("w", encoding="utf-8", newline="") as file:
        for name in dict.fromkeys(line["table"] for line in lines):
            head, *rows = summary(lines, name)
            csv.writer(file).writerows([["table", *head], *([name, *row] for row in rows)])
            ruled = [head, ["---"] * len(head), *rows]
            texts.append(f"## {name}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in ruled))
    (out / "tables.md").write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    print("\n\n".join(texts))


def compared(reference: str, out: Path) -> None:
    """Print all methods on all tables beside one of them, by the mean and by the best of a batch, and their times."""
    lines = read(out / "results.csv")
    signs = {name: CASES[name]().sign for name in dict.fromkeys(line["table"] for line in lines)}
    for key, title in COMPARED.items():
        print(f"\n## {title} (+, -: better or worse than {reference})\n\n{wide(lines, key, reference, signs)}")


def main() -> None:
    """Run what is asked for, then show all results."""
    shipped = [*SIMPLE, *mbo.installed().methods]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join(shipped))
    parser.add_argument("--tables", default=",".join(CASES))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--preset", default="table")
    parser.add_argument("--out", type=Path, default=Path("tables"))
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--against", default="", help="a method that the others are compared with")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if not given.show:
        asked = USERS if given.methods == "users" else given.methods.split(",")
        go(there(asked), given.tables.split(","), range(given.seeds), given.preset, given.out)
    if given.against:
        compared(given.against, given.out)
    else:
        show(given.out)


if __name__ == "__main__":
    main()
