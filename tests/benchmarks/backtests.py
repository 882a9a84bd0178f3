"""What a backtest is worth as a chooser of recipes, on tables whose other rows tell what a choice brought.

    python tests/benchmarks/backtests.py [--tables NAMES] [--recipes NAMES] [--seeds N] [--rows N] [--out DIR] [--show]

A cell is a table, a number of visible rows and a seed: a random draw of the lower 80 % of the table's designs. Each
recipe is trained on what a backtest of the visible rows leaves, in 5 repeats, and picks 16 rows (or a fifth of the
hidden ones); then it is trained on all visible rows and picks 16 of all other rows of the table, the best fifth among
them. Gain is the mean of the picks, from 0 for that of all rows to pick from, to 1 for that of the best 16.

Lines are appended to `backtests.csv` in the folder, one for each cell, recipe and repeat (`truth` for the last); a
recipe that is there is not run again. With --show nothing is run: the gain by each rule of choice, over the cells in
which all recipes were run.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from mbo_propose.backtest import CANDIDATES, DEFAULT, Backtest, Candidate, Picks, choose
from mbo_propose.backtest.ranking import predicted
from mbo_propose.backtest.running import picks
from mbo_propose.backtest.splits import rows_of, some_rows, split
from tabular.cases import CASES, LOWER, arrays

import mbo_core as mbo
from mbo_core.errors import MboError

REPEATS, BATCH, TRUTH = 5, 16, "truth"
FIELDS = ("table", "rows", "seed", "recipe", "repeat", "gain", "best", "share", "seconds")
_THIRD = {"use": "gaussian-process", "likelihood_rows": 300, "iterations": 50}
_THREE = {"extends": DEFAULT, "method": {"name": "three"}, "proxy": {"first": {"members": 4}, "third": _THIRD}}
MORE = {"committee-of-three": Candidate("committee-of-three", _THREE, "table")}
RECIPES: Mapping[str, Candidate] = {**CANDIDATES, **MORE}


def _superalloys() -> mbo.Task:
    """Conduit et al. 2017: the yield strength of nickel alloys by composition and heat treatment."""
    data = arrays("ni_superalloys.npz")
    y = data["y"][:, [str(one) for one in data["labels"]].index("Yield Strength")]
    known = np.isfinite(y)
    return mbo.Task("superalloys", data["x"][known], y[known])


def _superconductor() -> mbo.Task:
    """Hamidieh 2018: the critical temperature of superconductors by their elements; 3,000 of them."""
    data = arrays("superconductor.npz")
    return some_rows(mbo.Task("superconductor", data["x"], data["y"]), 3000)


def _letters() -> mbo.Task:
    """Barrera et al. 2016: the binding of a protein to 8 letters of DNA; 4,000 of 65,536 words."""
    scores = arrays("tf_bind_8_SIX6_REF_R1.npz")["escore"]
    code = np.random.default_rng(0).permutation(len(scores))[:4000]
    words = code[:, None] // 4 ** np.arange(7, -1, -1) % 4
    return mbo.Task("tf_bind_8", words, scores[code], space=mbo.Space.discrete(8, 4))


TABLES: Mapping[str, tuple[Callable[[], mbo.Task], tuple[int, ...]]] = {
    "concrete": (CASES["concrete"], (100, 396)),
    "suzuki": (CASES["suzuki"], (99,)),
    "photo_wf3": (CASES["photo_wf3"], (100, 408)),
    "superalloys": (_superalloys, (100, 400)),
    "superconductor": (_superconductor, (100, 400)),
    "tf_bind_8": (_letters, (100, 400)),
}


def cell(whole: mbo.Task, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The visible rows of a cell, and those to pick from in the end, in random order."""
    rng = np.random.default_rng([seed, 9])
    lower = np.argsort(whole.y, kind="stable")[: int(LOWER * len(whole.y))]
    visible = np.sort(rng.permutation(lower)[:rows])
    return visible, rng.permutation(np.setdiff1d(np.arange(len(whole.y)), visible))


def tried(recipe: Candidate, whole: mbo.Task, rows: int, seed: int) -> list[tuple[str, Picks]]:
    """What a recipe picks in each repeat of the backtest, and in the end."""
    visible, rest = cell(whole, rows, seed)
    table = rows_of(whole, visible)
    found = [(str(one), _backtested(recipe, table, one)) for one in range(REPEATS)]
    top = whole.y[rest] > np.sort(whole.y)[int(LOWER * len(whole.y)) - 1]
    return [*found, (TRUTH, _picked(recipe, table, whole.x[rest], whole.y[rest], top, BATCH, seed))]


def _backtested(recipe: Candidate, table: mbo.Task, seed: int) -> Picks:
    parts = split(table.y, seed)
    batch = min(BATCH, len(parts.hidden) // 5)
    x, y = table.x[parts.hidden], table.y[parts.hidden]
    return _picked(recipe, rows_of(table, parts.visible), x, y, parts.top, batch, seed)


def _picked(
    recipe: Candidate, table: mbo.Task, x: np.ndarray, y: np.ndarray, top: np.ndarray, batch: int, seed: int
) -> Picks:
    start = time.process_time()
    order = predicted(recipe, table, x, seed)
    return picks(order, y, top, batch, time.process_time() - start)


def read(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file; none if it is not there."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, rows: list[dict[str, object]]) -> None:
    """Add lines to a CSV file."""
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if fresh:
            writer.writeheader()
        writer.writerows(rows)


def go(tables: list[str], recipes: list[str], seeds: int, most: int, path: Path) -> None:
    """Run what is not yet in the file, seed by seed."""
    every = {name: TABLES[name][0]() for name in tables}
    for seed in range(seeds):
        for name, whole in every.items():
            for rows in (one for one in TABLES[name][1] if one <= most):
                done = {(line["table"], line["rows"], line["seed"], line["recipe"]) for line in read(path)}
                for recipe in recipes:
                    if (name, str(rows), str(seed), recipe) not in done:
                        one(whole, rows, seed, recipe, path)


def one(whole: mbo.Task, rows: int, seed: int, recipe: str, path: Path) -> None:
    """A recipe in a cell; one that fails there has no line, and the cell does not count."""
    try:
        found = tried(RECIPES[recipe], whole, rows, seed)
    except MboError as error:
        print(whole.name, rows, seed, recipe, error.message)
        return
    head = {"table": whole.name, "rows": rows, "seed": seed, "recipe": recipe}
    append(path, [{**head, "repeat": name, **vars(each)} for name, each in found])
    print(whole.name, rows, seed, recipe, f"{found[-1][1].gain:.2f}")


def _recorded(lines: list[dict[str, str]], names: list[str]) -> tuple[Backtest, dict[str, float]]:
    """The backtest of a cell from its lines, and the gain of each recipe in the end."""
    rows = int(lines[0]["rows"])
    visible = (rows - -(-rows // 5)) // 2
    found = Backtest(tuple(RECIPES[name] for name in names), rows, visible, rows - visible, BATCH, REPEATS)
    truth = {}
    for line in lines:
        seen = Picks(*(float(line[key]) for key in ("gain", "best", "share", "seconds")))
        if line["repeat"] == TRUTH:
            truth[line["recipe"]] = seen.gain
        elif line["recipe"] in names:
            found.picks.setdefault(line["recipe"], {})[int(line["repeat"])] = seen
    return found, truth


def by_rule(found: Backtest, truth: Mapping[str, float], names: list[str]) -> dict[str, float]:
    """The gain in the end of each rule of choice."""
    free = max(names, key=lambda name: found.gain(name).mean)
    return {
        f"always {DEFAULT}": truth[DEFAULT],
        "on clear evidence (`choose`)": truth[choose(found).recipe.name],
        "the best in the backtest": truth[free],
        "a random recipe": float(np.mean([truth[name] for name in names])),
        "the best with hindsight": max(truth[name] for name in names),
    }


def show(path: Path, names: list[str]) -> None:
    """Print the gain of each recipe and of each rule, over tables and over all, and how well the backtest ranks."""
    cells: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for line in read(path):
        cells.setdefault((line["table"], line["rows"], line["seed"]), []).append(line)
    whole = {key: lines for key, lines in cells.items() if set(names) <= {line["recipe"] for line in lines}}
    results, agreement, switched = {}, {}, 0
    for key, lines in whole.items():
        found, truth = _recorded(lines, names)
        results[key] = {**by_rule(found, truth, names), **{name: truth[name] for name in truth if name in RECIPES}}
        agreement[key] = _spearman([found.gain(name).mean for name in names], [truth[name] for name in names])
        switched += choose(found).switched
    tables = list(dict.fromkeys(key[:2] for key in results))
    keys = [one for one in next(iter(results.values()), {}) if all(one in each for each in results.values())]
    print("|", " | ".join(["", *(" ".join(one) for one in tables), "all"]), "|\n|" + "---|" * (len(tables) + 2))
    for rule in keys:
        values = [[each[rule] for key, each in results.items() if key[:2] == one] for one in tables]
        print(
            "|",
            " | ".join([rule, *(f"{np.mean(one):.2f}" for one in values), _mean([v for one in values for v in one])]),
            "|",
        )
    ranks = [[one for key, one in agreement.items() if key[:2] == table] for table in tables]
    every = _mean(list(agreement.values()))
    print("|", " | ".join(["rank agreement", *(f"{np.mean(one):.2f}" for one in ranks), every]), "|")
    print(f"\n{len(results)} cells; the rule left the default in {switched}")


def _spearman(a: list[float], b: list[float]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def _mean(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.3f}" if len(values) > 1 else "-"


def main() -> None:
    """Run what is asked for, then show all results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--rows", type=int, default=400, help="the most visible rows of a cell")
    parser.add_argument("--out", type=Path, default=Path("backtests"))
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if not given.show:
        go(given.tables.split(","), given.recipes.split(","), given.seeds, given.rows, given.out / "backtests.csv")
    show(given.out / "backtests.csv", [name for name in given.recipes.split(",") if name in CANDIDATES])


if __name__ == "__main__":
    main()
