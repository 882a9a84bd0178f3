"""Scores of the final designs: percentiles, normalised scores, means and spreads over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mbo_core.errors import MboError, TaskError
from mbo_core.stages import Evaluator
from mbo_core.task import FallibleOracle, Oracle, Task, Verdict

Rule = Literal["nearest", "linear"]

PERCENTILES = (100, 50)
"""What is reported: the best of a seed's candidates, and the median."""


@dataclass(frozen=True, kw_only=True)
class OracleEvaluator(Evaluator):
    """Scores each candidate once by the task's oracle, raw and normalised."""

    name: ClassVar[str] = "oracle"

    def score(self, designs: Tensor, task: Task) -> Mapping[str, Tensor | Sequence[str]]:
        """Raw and normalised scores, float64 (n,) each; with `fault`, n texts, where a design could not be scored.

        Raises:
            TaskError: for a task without an oracle, or designs outside its space.
            MboError: if the oracle answers with other than n finite numbers.
        """
        if task.oracle is None:
            raise TaskError(f"{task.name} has no oracle to score designs with")
        table = designs.numpy()
        task.check(table)
        # Copies, for an oracle may write to what it is given, and may answer with an array that it goes on using.
        verdict = _ask(task.oracle, table.copy())
        raw = np.array(verdict.scores, dtype=np.float64)
        if raw.shape != (len(table),):
            raise MboError(f"the oracle of {task.name} gave scores of shape {raw.shape} for {len(table)} designs")
        if not np.isfinite(raw).all():
            bad = int(np.argmin(np.isfinite(raw)))
            raise MboError(f"the oracle of {task.name} scored design {bad} as {raw[bad]}")
        scores = {"raw": torch.from_numpy(raw), "normalised": torch.from_numpy(task.normalise(raw))}
        reasons = [verdict.faults.get(row, "") for row in range(len(raw))]
        return {**scores, "fault": reasons} if any(reasons) else scores


def _ask(oracle: Oracle, designs: NDArray[Any]) -> Verdict:
    if isinstance(oracle, FallibleOracle):
        return oracle.judge(designs)
    return Verdict(oracle.score(designs), {})


def percentile(values: NDArray[np.float64], q: float, rule: Rule = "nearest") -> float:
    """The q-th percentile of n values.

    Args:
        values: (n,).
        q: 0 to 100.
        rule: `nearest` takes the value of rank (n - 1) q / 100 with halves rounded to the even rank, as the
            published tables do (so the median of 128 is the 65th smallest); `linear` interpolates, as numpy does.

    >>> percentile(np.arange(128.0), 50)
    64.0
    >>> percentile(np.arange(128.0), 50, "linear")
    63.5
    """
    ordered = np.sort(values)
    if rule == "linear":
        return float(np.percentile(ordered, q))
    return float(ordered[round((len(ordered) - 1) * q / 100)])


def summary(values: list[float]) -> tuple[float, float]:
    """Mean and population standard deviation over seeds."""
    return float(np.mean(values)), float(np.std(values))
