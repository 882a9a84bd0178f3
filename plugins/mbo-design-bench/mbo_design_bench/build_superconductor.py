"""Turn TABLE, the unique_m.csv of UCI data set 464, into the file that Superconductor-RandomForest-v0 reads."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.text import say
from mbo_design_bench import data, rows
from mbo_design_bench.facts import ELEMENTS
from mbo_design_bench.facts import SUPERCONDUCTOR as FACTS

FILE = "superconductor.npz"
HEADER = [*ELEMENTS, "critical_temp", "material"]


@click.command(help=__doc__)
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Where to write it; by default the folder in {data.VARIABLE}, else the user's data folder.",
)
def main(table: Path, folder: Path | None) -> None:
    """Read the table, check its numbers, write the file."""
    arrays = build(table)
    path = (folder or data.folders()[0]) / FILE
    stream = io.BytesIO()
    np.savez_compressed(stream, x=arrays["x"], y=arrays["y"])
    data.write(path, stream.getvalue())
    say(path)


def build(table: Path) -> dict[str, NDArray[np.float32]]:
    """Read x (21263, 86) and y (21263,) as float32.

    Raises:
        TaskError: for a table with other columns or other numbers.
    """
    try:
        numbers = _numbers(table)
    except (OSError, ValueError, csv.Error) as error:
        raise TaskError(f"{table} cannot be read: {error}", rows.hint(FACTS)) from error
    arrays = {"x": numbers[:, :-1].astype(np.float32), "y": numbers[:, -1].astype(np.float32)}
    rows.authentic(arrays, FACTS, str(table))
    return arrays


def _numbers(table: Path) -> NDArray[np.float64]:
    """All columns (N, 87) except the last one, the material's name."""
    with table.open(newline="", encoding="utf-8") as stream:
        header = next(csv.reader(stream), [])
    if header != HEADER:
        raise TaskError(f"{table} has the columns {header}, not {HEADER}", rows.hint(FACTS))
    return np.loadtxt(table, delimiter=",", skiprows=1, usecols=range(len(HEADER) - 1), comments=None, ndmin=2)


if __name__ == "__main__":
    main()
