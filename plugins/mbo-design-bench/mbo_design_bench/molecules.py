"""Helpers of the molecule tasks, by rdkit."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError

EXTRA = "pip install 'mbo-design-bench[molecules]'"
BITS = 2048


def missing(*packages: str) -> str | None:
    """One line on missing packages of the extra, or None."""
    absent = [package for package in packages if find_spec(package) is None]
    return f"{' and '.join(absent)} not installed: {EXTRA}" if absent else None


def require(task: str, *packages: str) -> None:
    """Check that packages of the extra are installed.

    Raises:
        TaskError: with the command that installs them.
    """
    absent = [package for package in packages if find_spec(package) is None]
    if absent:
        raise TaskError(f"{task} needs {' and '.join(absent)}", EXTRA)


def morgan(smiles: Sequence[str], radius: int) -> NDArray[np.float32]:
    """Morgan bits (n, 2048) of n SMILES; invalid molecules have no bit set."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=BITS)
    found = np.zeros((len(smiles), BITS), np.float32)
    with rdBase.BlockLogs():
        for row, text in zip(found, smiles, strict=True):
            molecule = Chem.MolFromSmiles(text)
            if molecule is not None:
                row[:] = generator.GetFingerprintAsNumPy(molecule)
    return found


def versions(*packages: str) -> dict[str, str]:
    """The versions of packages, for the record of a run."""
    return {package: version(package) for package in packages}
