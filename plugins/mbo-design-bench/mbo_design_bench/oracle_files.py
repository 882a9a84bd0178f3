"""The files of learned oracles: safetensors with the weights, the labels and, as JSON in the header, the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_design_bench import data
from mbo_design_bench.layout import Facts

if TYPE_CHECKING:
    from torch import Tensor

NAME = re.compile(r"seed-(\d+)\.safetensors")
HEADER = "oracle"
AGAIN = "remove the file and retrain the oracle: `mbo data train-oracle`"
WEIGHTS, LABELS = "network.", "labels"


@dataclass(frozen=True)
class About:
    """The origin of an oracle.

    Attributes:
        task: the name of its task.
        seed: of its weights and of the order of its rows.
        epochs: passes over the training rows.
        quick_look: whether these are fewer than the task's number.
        length: the positions of a design.
        classes: the number of tokens.
        form: the network and its training.
        y_min: the raw score at network output 0: the smallest of all rows.
        y_max: the raw score at output 1: the largest.
        held_out_spearman: the rank correlation with measurements on rows that it was not trained on.
        held_out_rows: their number.
        rows: the number of all rows.
        data_sha256: see `mbo_design_bench.data.fingerprint`.
        seconds: processor time.
        versions: of the software that it was trained with.
    """

    task: str
    seed: int
    epochs: int
    quick_look: bool
    length: int
    classes: int
    form: Mapping[str, Any]
    y_min: float
    y_max: float
    held_out_spearman: float
    held_out_rows: int
    rows: int
    data_sha256: str
    seconds: float
    versions: Mapping[str, str]

    @property
    def note(self) -> dict[str, Any]:
        """A summary for people."""
        names = ("seed", "held_out_spearman", "held_out_rows", "epochs", "quick_look", "data_sha256", "versions")
        return {name: getattr(self, name) for name in names}


def place(facts: Facts, seed: int) -> Path:
    """The path of an oracle's file."""
    return _folder(data.folders()[0], facts) / f"seed-{seed}.safetensors"


def found(facts: Facts) -> dict[int, Path]:
    """A task's oracles on this machine, by seed.

    Raises:
        TaskError: if a folder is unreadable.
    """
    paths = [path for root in reversed(data.folders()) for path in data.within(_folder(root, facts))]
    seeds = {int(match[1]): path for path in paths if (match := NAME.fullmatch(path.name))}
    return dict(sorted(seeds.items()))


def store(path: Path, about: About, weights: Mapping[str, Tensor], labels: NDArray[np.float64]) -> None:
    """Write an oracle whole or not at all.

    Raises:
        StoreError: if the disk is full, or the folder cannot be written.
    """
    import torch
    from safetensors.torch import save

    tensors = {WEIGHTS + name: weight.contiguous() for name, weight in weights.items()}
    header = {HEADER: json.dumps(asdict(about))}
    data.write(path, save({**tensors, LABELS: torch.from_numpy(labels)}, header))


def about(path: Path) -> About:
    """The origin of an oracle, from its header.

    Raises:
        TaskError: if the file is unreadable or not an oracle.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return About(**json.loads((file.metadata() or {})[HEADER]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise damaged(path, error) from error


def tensors(path: Path) -> tuple[dict[str, Tensor], NDArray[np.float64]]:
    """The weights of an oracle, and its scores for all rows, (N,).

    Raises:
        TaskError: if the file is unreadable or not an oracle.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        found = load(path.read_bytes())
        labels = found.pop(LABELS).numpy()
    except (OSError, SafetensorError, KeyError) as error:
        raise damaged(path, error) from error
    return {name.removeprefix(WEIGHTS): weight for name, weight in found.items()}, labels


def damaged(path: Path, error: Exception) -> TaskError:
    """The error for a file that is not an oracle."""
    return TaskError(f"{path} is not an oracle of this version: {type(error).__name__}: {error}", AGAIN)


def _folder(root: Path, facts: Facts) -> Path:
    return root / "oracles" / facts.name
