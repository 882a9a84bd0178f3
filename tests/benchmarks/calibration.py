"""How often proposals reach their lower bounds, and how often each flag is right, on tables that know the truth.

    python tests/benchmarks/calibration.py [--tables NAMES] [--seeds N] [--lower SHARE] [--recipe NAME] [--out FOLDER]

Each seed sees a random half of the lower 80 % of a table's designs by score (with `--lower 1` of all of them) and
proposes by the steps of `mbo propose`, without a backtest, 12 designs of each tier. From `rows`: the designs are chosen
from the rows that were not seen, by the same rule, and their own scores are the truth. In the `space`: the designs that
`mbo propose` would print, judged by the nearest row of the whole table, and by a forest and a Gaussian process on all
rows.

A folder keeps a file for each table and seed with all that the rules of flags and bounds depend on, so that a rule that
was changed is judged again with --show, in which nothing is trained.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mbo_propose.backtest import DEFAULT
from mbo_propose.bounds import lower_bounds
from mbo_propose.choosing import choose
from mbo_propose.crossing import HeldOut
from mbo_propose.flags import Facts, Known, flags
from mbo_propose.judging import judge
from mbo_propose.pipeline import described, opened
from mbo_propose.pool import Pool, gather
from mbo_propose.record import Proposals
from mbo_propose.search import Search, good, prepared
from mbo_propose.wishes import Wishes
from tabular.cases import CASES, LOWER, frame_of, visible
from tabular.judges import Judges

import mbo_core as mbo

EACH = (12, 12, 12)
"""Designs of each tier; the first 12 are those of the usual batch of 16."""
SOURCES = ("rows", "space")
JUDGES = ("nearest", "forest", "process")
FLAGS = ("close", "extrapolates", "do not trust")

Arrays = dict[str, Any]


def cell(judges: Judges, task: mbo.Task, seed: int, recipe: str) -> Arrays:
    """All that rules and truth depend on, for the visible rows of a table and a seed."""
    whole = judges.whole
    wishes = Wishes(target=whole.target, minimize=whole.sign < 0, recipe=recipe, space=whole.space, seed=seed)
    made = opened(frame_of(task), wishes)
    judge(made, None)
    search, begun = prepared(made), time.process_time()
    seen = {design.tobytes() for design in task.x + 0.0}
    unseen = np.array([row for row, design in enumerate(whole.x + 0.0) if design.tobytes() not in seen])
    found = gather(task.x, search.found, good(made.given), search.spacing, search.score, seed)
    pools = {"rows": Pool.of(whole.x[unseen], search.spacing, search.score), "space": found}
    held, stored = search.held_out, Arrays(reach=search.spacing.reach, verdict=made.verdict)
    stored |= {f"held_{name}": getattr(held, name) for name in ("rows", "observed", "predicted", "spread")}
    for source, pool in pools.items():
        stored |= {f"{source}_{name}": value for name, value in facts(made, search, pool).items()}
        x = stored[f"{source}_x"]
        near, stored[f"{source}_off"] = judges.nearest(x)
        scores = dict(zip(JUDGES, (near, judges.forest(x), judges.process(x)), strict=True))
        stored |= {f"{source}_{name}": whole.as_given(values) for name, values in scores.items()}
    return {**stored, "seconds": time.process_time() - begun}


def facts(made: Proposals, search: Search, pool: Pool) -> Arrays:
    """What is known of the chosen designs of a pool."""
    chosen = choose(pool, search.spacing, sum(EACH), EACH)
    found = described(made, search, pool, chosen)
    names = ("predicted", "spread", "distance", "gap", "tier")
    return {"x": pool.x[chosen], **{name: np.array([getattr(one, name) for one in found]) for name in names}}


@dataclass(frozen=True)
class Judged:
    """What became of the designs of a cell from one source, (n,) each; scores with the program's sign.

    Attributes:
        flag: their flags by the present rule.
        bound: their lower bounds by the present rule; NaN: cannot tell.
        short: how far each judge's score lies below the prediction, in units of the error on held-out rows.
        above: how far it lies above the bound.
    """

    flag: np.ndarray
    bound: np.ndarray
    short: Mapping[str, np.ndarray]
    above: Mapping[str, np.ndarray]


def by_rules(stored: Mapping[str, Any], source: str, task: mbo.Task) -> Judged:
    """The designs of a cell by the present rules."""
    held = HeldOut(*(stored[f"held_{name}"] for name in ("rows", "observed", "predicted", "spread")))
    one = {name: stored[f"{source}_{name}"] for name in ("x", "predicted", "distance", "gap", *JUDGES)}
    known = Known(task.space, task.x, task.y, float(stored["reach"]), held.error, str(stored["verdict"]) != "does not")
    marks = flags(Facts(one["x"], one["distance"], task.sign * one["predicted"], one["gap"]), known)[0]
    bounds = lower_bounds(held, one["predicted"], task.sign).lower
    flag, bound = np.array(marks), np.array([np.nan if each is None else task.sign * each for each in bounds])
    bound[flag == "do not trust"] = np.nan
    scores = {name: task.sign * one[name] for name in JUDGES}
    short = {name: (task.sign * one["predicted"] - score) / held.error for name, score in scores.items()}
    return Judged(flag, bound, short, {name: score - bound for name, score in scores.items()})


def go(tables: list[str], seeds: int, lower: float, recipe: str, out: Path) -> None:
    """Run what is not yet in the folder, seed by seed."""
    every = {name: Judges(CASES[name]()) for name in tables}
    for seed in range(seeds):
        for name, judges in every.items():
            path = out / f"{name}-{lower:g}-{seed}.npz"
            if not path.exists():
                np.savez(path, **cell(judges, visible(judges.whole, seed, lower), seed, recipe))
                print(f"table={name} seed={seed}", flush=True)


def show(tables: list[str], lower: float, out: Path) -> None:
    """Print how often bounds are reached and predictions fail, over the seeds of each table and over all tables."""
    found: dict[str, dict[str, list[Judged]]] = {source: {} for source in SOURCES}
    for name in tables:
        whole = CASES[name]()
        for path in sorted(out.glob(f"{name}-{lower:g}-*.npz")):
            task = visible(whole, int(path.stem.rpartition("-")[2]), lower)
            for source in SOURCES:
                found[source].setdefault(name, []).append(by_rules(np.load(path), source, task))
    for source in SOURCES:
        for of in ("nearest",) if source == "rows" else JUDGES:
            print(f"\n{source}, by {'their own scores' if source == 'rows' else of}\n\n" + table(found[source], of))


def table(cells: Mapping[str, list[Judged]], of: str) -> str:
    """A line for each table: of each flag, how many designs, how many have bounds, reach these, and fall short."""
    head = "| table | seeds | " + " | ".join(f"{flag}: n | bounded | reached | short" for flag in FLAGS) + " |"
    lines = [head, "|---|---|" + "---|" * 4 * len(FLAGS)]
    for name, own in {**cells, "all": [one for few in cells.values() for one in few]}.items():
        parts = [" | ".join(_counts(own, flag, of)) for flag in FLAGS]
        lines.append(f"| {name} | {len(own)} | {' | '.join(parts)} |")
    return "\n".join(lines)


def _counts(few: list[Judged], flag: str, of: str) -> list[str]:
    """The designs of a flag, and the shares that have a bound, reach it, and miss their prediction by 1.28 errors."""
    mine = [one.flag == flag for one in few]
    bound = np.concatenate([one.bound[own] for one, own in zip(few, mine, strict=True)])
    above = np.concatenate([one.above[of][own] for one, own in zip(few, mine, strict=True)])[np.isfinite(bound)]
    short = np.concatenate([one.short[of][own] for one, own in zip(few, mine, strict=True)])
    shares = (np.isfinite(bound), above >= 0, short > 1.28)
    return [str(len(bound)), *(f"{share.mean():.2f}" if len(share) else "-" for share in shares)]


def main() -> None:
    """Run what is asked for, then show all results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default=",".join(CASES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--lower", type=float, default=LOWER, help="methods see rows of this lower share by score")
    parser.add_argument("--recipe", default=DEFAULT)
    parser.add_argument("--out", type=Path, default=Path("calibration"))
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if not given.show:
        go(given.tables.split(","), given.seeds, given.lower, given.recipe, given.out)
    show(given.tables.split(","), given.lower, given.out)


if __name__ == "__main__":
    main()
