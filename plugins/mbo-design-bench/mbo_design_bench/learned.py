"""Learned oracles: networks trained by `mbo data train-oracle` and kept as files.

The oracle of a task is that of seed 0. Oracles of other seeds score the same designs: they change no score and no
label, and show how far scores depend on the seed.
"""

from __future__ import annotations

import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import RecipeError, TaskError, nearest, warn
from mbo_design_bench import checksums, data, guard, oracle_files, rows
from mbo_design_bench.forms import FORMS, Form
from mbo_design_bench.layout import Facts
from mbo_design_bench.oracle_files import About

if TYPE_CHECKING:
    from mbo_design_bench.network import Network
    from mbo_design_bench.training import Report, Trained

SEED = 0
"""The seed of a task's own oracle."""

UNTRAINED = "the oracle is not trained yet"


@dataclass(frozen=True)
class LearnedOracle:
    """A trained network as an oracle.

    Attributes:
        about: its origin.
        network: gives scores normalised by the ends of all rows.
        labels: (N,) its scores for all rows of the data.
        sha256: of its file.
    """

    about: About
    network: Network
    labels: NDArray[np.float64]
    sha256: str

    def score(self, designs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score (n, L) tokens: (n,), each design independent of the others.

        Raises:
            TaskError: for designs of another shape, or tokens out of range.
        """
        from mbo_design_bench.network import predict

        guard.tokens(self.about.task, designs, self.about.length, self.about.classes)
        return self.about.y_min + (self.about.y_max - self.about.y_min) * predict(self.network, designs)


def form_of(facts: Facts) -> Form:
    """The form of a task's oracle.

    Raises:
        RecipeError: for a task whose oracle is not a network.
    """
    if facts.name not in FORMS:
        raise RecipeError(f"{facts.name} has no trainable oracle", nearest(facts.name, FORMS))
    return FORMS[facts.name]


def command(facts: Facts) -> str:
    """The command that trains a task's own oracle."""
    return f"mbo data train-oracle {facts.name} --seed {SEED}"


def untrained(facts: Facts) -> str | None:
    """One line on a missing oracle and the command that trains it; None if the oracle exists."""
    return None if SEED in oracle_files.found(facts) else f"{UNTRAINED}: {command(facts)}"


def notes(facts: Facts) -> list[dict[str, Any]]:
    """The origins of the oracles on this machine, from their headers; unreadable ones are left out."""
    found = []
    with suppress(TaskError):
        for path in oracle_files.found(facts).values():
            with suppress(TaskError):
                found.append(oracle_files.about(path).note)
    return found


def train(facts: Facts, seed: int, epochs: int | None, report: Report) -> tuple[Path, About]:
    """Train an oracle of a task, and store it.

    Args:
        facts: the task.
        seed: of the weights and of the order of the rows.
        epochs: passes over the training rows; by default those of the task's form.
        report: called on every step.

    Raises:
        RecipeError: for a task whose oracle is not a network.
        TaskError: if the data are missing, or the oracle exists and is not a quick look.
        MboError: if the training diverges.
        StoreError: if the disk is full, or the folder cannot be written.
    """
    form, path = form_of(facts), oracle_files.place(facts, seed)
    if data.exists(path) and not oracle_files.about(path).quick_look:
        raise TaskError(f"{path} exists already", "remove the file to retrain the oracle")
    x, y = rows.read(facts)
    from mbo_design_bench.training import train

    passes = epochs or form.epochs
    trained = train(facts.layout.space, (x, y), form, seed, passes, report)
    about = _about(facts, (x, y), form, trained, seed=seed, epochs=passes)
    oracle_files.store(path, about, trained.network.state_dict(), trained.labels)
    return path, about


def _about(facts: Facts, all_rows: rows.Rows, form: Form, trained: Trained, seed: int, epochs: int) -> About:
    x, y = all_rows
    return About(
        task=facts.name,
        seed=seed,
        epochs=epochs,
        quick_look=epochs < form.epochs,
        length=facts.layout.space.length,
        classes=facts.layout.space.classes or 0,
        form=asdict(form),
        y_min=float(y.min()),
        y_max=float(y.max()),
        held_out_spearman=trained.spearman,
        held_out_rows=int(trained.held_out.sum()),
        rows=len(y),
        data_sha256=data.fingerprint({"x": x, "y": y}),
        seconds=round(trained.seconds, 1),
        versions={**{name: version(name) for name in ("torch", "numpy")}, "python": platform.python_version()},
    )


def load(facts: Facts, all_rows: rows.Rows) -> dict[int, LearnedOracle]:
    """The oracles of a task by seed, its own first.

    Raises:
        TaskError: if the task's own oracle is missing, or one is damaged or was trained on different data.
    """
    if untrained(facts):
        raise TaskError(f"{facts.name}: {UNTRAINED}", f"`{command(facts)}` trains it")
    digest = data.fingerprint({"x": all_rows[0], "y": all_rows[1]})
    return {seed: _read(path, facts, digest) for seed, path in oracle_files.found(facts).items()}


def _read(path: Path, facts: Facts, digest: str) -> LearnedOracle:
    import torch

    from mbo_design_bench.network import Network

    about = oracle_files.about(path)
    if (about.task, about.data_sha256) != (facts.name, digest):
        raise TaskError(f"{path} was trained on different data than the present {facts.name}", oracle_files.AGAIN)
    if about.quick_look:
        warn(f"{facts.name}: the oracle of seed {about.seed} is a quick look of {about.epochs} epochs")
    weights, labels = oracle_files.tensors(path)
    try:
        with torch.device("meta"):  # no weights are drawn, and no memory is allocated from a header's claims
            network = Network(about.length, about.classes, Form(**about.form))
        network.load_state_dict(weights, assign=True)
        if labels.shape != (about.rows,):
            raise ValueError(f"labels of shape {labels.shape}")
    except (RuntimeError, TypeError, ValueError) as error:
        raise oracle_files.damaged(path, error) from error
    return LearnedOracle(about, network.double().eval(), labels, checksums.sha256(path))
