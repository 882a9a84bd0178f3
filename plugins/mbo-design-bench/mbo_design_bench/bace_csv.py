"""MoleculeNet's bace.csv as SELFIES, in which every sequence of tokens is a valid molecule."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_design_bench import molecules

FILE = "bace.csv"
SMILES = ("smiles", "mol")
"""Accepted names of the molecules' column; `mol` in the original."""

PIC50 = "pIC50"
LENGTH = 174
"""The number of tokens of the longest molecule; shorter ones are padded with the first token."""

SPELT = (
    "[nop] "
    "[#Branch1] [#Branch2] [#C] [#N] [/C] [/F] [/N] [/O] [=Branch1] [=Branch2] [=C] [=NH1+1] [=NH2+1] [=N] [=O] "
    "[=Ring1] [=Ring2] [Br] [Branch1] [Branch2] [C@@H1] [C@@] [C@H1] [C@] [C] [Cl] [F] [I] [N+1] [N-1] [N@@H1+1] "
    "[N@H1+1] [NH1+1] [NH1] [NH2+1] [NH3+1] [N] [O-1] [O] [P] [Ring1] [Ring2] [S] [\\/Ring1] [\\C] [\\F] [\\NH1+1] "
    "[\\N] [\\O]"
)
TOKENS = tuple(SPELT.split())
"""[nop], which has no meaning anywhere, then the tokens of the data in alphabetical order."""


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Read x (N, 174) int32 tokens and y (N,) float32 pIC50.

    Raises:
        TaskError: without selfies, for a table without these columns, and for a row whose value is not a number
            or whose molecule has other tokens.
    """
    molecules.require(str(path), "selfies")
    x, y = [], []
    for number, (text, value) in enumerate(_cells(path), start=1):
        try:
            x.append(encode(text))
            y.append(float(value))
        except ValueError as error:
            raise TaskError(f"{path}: row {number}: {error}") from error
    return {"x": np.array(x, np.int32).reshape(-1, LENGTH), "y": np.array(y, np.float32)}


def encode(smiles: str) -> list[int]:
    """The 174 tokens of a molecule, as numbers.

    Raises:
        ValueError: if it is none, or has other tokens, or more.
    """
    import selfies

    try:
        tokens = list(selfies.split_selfies(selfies.encoder(smiles)))
    except selfies.EncoderError as error:
        raise ValueError(f"selfies cannot encode {smiles!r}") from error
    other = sorted(set(tokens) - set(TOKENS))
    if other or len(tokens) > LENGTH:
        raise ValueError(f"{smiles!r} has {len(tokens)} tokens, among them {', '.join(other) or 'too many'}")
    return [TOKENS.index(token) for token in tokens] + [0] * (LENGTH - len(tokens))


def _cells(path: Path) -> list[tuple[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            table = csv.DictReader(stream)
            column = next((name for name in SMILES if name in (table.fieldnames or ())), None)
            if column is None or PIC50 not in (table.fieldnames or ()):
                raise TaskError(f"{path} lacks the columns {' or '.join(SMILES)}, and {PIC50}")
            return [(row[column] or "", row[PIC50] or "") for row in table]
    except (OSError, ValueError, csv.Error) as error:
        raise TaskError(f"{path} cannot be read: {error}") from error
