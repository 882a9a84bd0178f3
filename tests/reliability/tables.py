"""Random tables: `mbo run FILE.csv` plans a run, or says what is wrong with the file."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from tally import Tally, main

import mbo_core as mbo
from mbo_core.runs.opening import Asked
from mbo_core.runs.planning import plan

CELLS = ("", "1", "-2.5", "1e308", "-1e308", "1e-320", "nan", "inf", "NA", "=1+1", "'-x", "ACGT", "ACG", "x\x1b[2J",
    "\u202e", "1,5", '"', "true", "2020-01-01", "9" * 400, " ", "0x10", "None", "\x00", "ä", "1_000", "-")  # fmt: skip
NAMES = ("a", "b", "", " ", "raw", "seed", "a", "=x", "\x1b[2J", "y", "in_data", "x0", "x1", "é", '"q"', "predicted")


def trials(count: int, seed: int = 0) -> Tally:
    """Read `count` random tables, and plan a run on each."""
    draw, found = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory() as home:
        for number in range(count):
            text, target = _table(draw)
            path = Path(home, "table.csv")
            path.write_bytes(text.encode(draw.choice(["utf-8"] * 6 + ["utf-16", "utf-8-sig"])))
            found.case(
                f"table {number} of seed {seed}, target {target!r}: {text[:200]!r}",
                lambda path=path, target=target: _planned(path, target, draw),  # type: ignore[misc]
                ("fine", "refused"),
            )
    return found


def _planned(path: Path, target: str, draw: random.Random) -> None:
    asked = Asked({"target": target, "minimize": draw.random() < 0.5})
    made = plan("grad-ascent", str(path), 1, preset="table", asked=asked)
    for design in made.task.space.repair(made.task.x[:3]):
        made.task.cells(design)
    mbo.run(made.recipe, made.task, seeds=1, set=["proxy.steps=2", "update.steps=2"]).frame()


def _table(draw: random.Random) -> tuple[str, str]:
    """A CSV, more or less, and a column of it."""
    width, rows = draw.randint(1, 5), draw.choice([0, 1, 2, 5, 25, 40])
    names = [draw.choice(NAMES) for _ in range(width)]
    if draw.random() < 0.7:
        names = [f"c{place}" if draw.random() < 0.7 else name for place, name in enumerate(names)]
    columns = [_column(draw, rows) for _ in names]
    lines = [",".join(names), *(",".join(column[row] for column in columns) for row in range(rows))]
    if draw.random() < 0.1 and lines:
        lines[draw.randrange(len(lines))] += draw.choice([",1", ",", '"', "\r"])
    return draw.choice(["\n", "\r\n"]).join(lines), draw.choice([*names, "missing"])


def _column(draw: random.Random, rows: int) -> list[str]:
    kind = draw.random()
    if kind < 0.4:
        return [f"{draw.gauss(0, draw.choice([1, 1e150])):.3g}" for _ in range(rows)]
    if kind < 0.6:
        return [str(draw.randrange(4)) for _ in range(rows)]
    if kind < 0.8:
        return [draw.choice(CELLS[:3]) for _ in range(rows)]
    return [draw.choice(CELLS) for _ in range(rows)]


if __name__ == "__main__":
    main(trials, small=30, full=300)
