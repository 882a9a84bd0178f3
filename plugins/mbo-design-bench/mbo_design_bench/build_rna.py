"""Rescore the designs of the RNA tasks, and write the packaged energies; needs the extra `rna`, about a minute."""

from __future__ import annotations

import io
from pathlib import Path

import click
import numpy as np

from mbo_core.text import say
from mbo_design_bench import data, rna
from mbo_design_bench.facts_beyond import RNA_TARGETS


@click.command(help=__doc__)
@click.option("--output", type=click.Path(path_type=Path), default=Path(__file__).with_name(rna.FILE))
def main(output: Path) -> None:
    """Score every design against every target, then write the file."""
    words = ["".join(word) for word in rna.LETTERS[rna.designs()]]
    energies = np.array([rna.energies(target, words) for target in RNA_TARGETS], dtype=np.int16)
    minima = np.array([rna.minimum(target) for target in RNA_TARGETS], dtype=np.int32)
    stream = io.BytesIO()
    np.savez_compressed(stream, energies=energies, minima=minima)
    data.write(output, stream.getvalue())
    say(output)


if __name__ == "__main__":
    main()
