"""Score the final designs with the oracle, raw and normalised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import MboError, TaskError
from mbo_core.foreign import foreign
from mbo_core.stages.contracts import Evaluation
from mbo_core.tasks.oracles import FallibleOracle, MeasuredOracle, Oracle, OracleSet, Verdict
from mbo_core.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class OracleEvaluation(Evaluation):
    """Scores each candidate once with the task's oracle, or once with each of several; raw and normalised."""

    name: ClassVar[str] = "oracle"

    def score(self, designs: NDArray[Any], task: Task) -> Mapping[str, NDArray[np.float64] | Sequence[str]]:
        """Raw and normalised scores, float64 (n,) each; also `fault`, n texts, if a design could not be scored.

        With a set of several oracles, also the normalised score by each (see `OracleSet.columns`) and their population
        standard deviation, `oracle_std`. With an oracle of repeated measurements, `measurement_std`: their normalised
        standard deviation.

        Raises:
            TaskError: for a task without an oracle, or designs outside its space.
            MboError: unless the oracle returns n finite numbers.
        """
        if task.oracle is None:
            raise TaskError(f"{task.name} has no oracle to score designs with")
        task.table.check(designs)
        oracles = task.oracle if isinstance(task.oracle, OracleSet) else OracleSet({"": task.oracle})
        verdicts = [_asked(oracle, designs, task.name) for oracle in oracles.members.values()]
        raw = np.stack([verdict.scores for verdict in verdicts])
        normalised = task.normalise(raw)
        scores: dict[str, NDArray[np.float64]] = {"raw": raw[0], "normalised": normalised[0]}
        if oracles.columns:
            scores.update(zip(oracles.columns.values(), normalised, strict=True))
            scores["oracle_std"] = normalised.std(axis=0)
        if isinstance(task.oracle, MeasuredOracle):
            scores["measurement_std"] = task.normalise(raw[0] + task.oracle.spread(designs)) - normalised[0]
        faults = [verdicts[0].faults.get(row, "") for row in range(len(designs))]
        return {**scores, "fault": faults} if any(faults) else scores


def _asked(oracle: Oracle, designs: NDArray[Any], task: str) -> Verdict:
    # Copies, as an oracle may write to its input or reuse the array that it returns.
    own = designs.copy()
    with foreign(f"the oracle of {task}"):
        verdict = oracle.judge(own) if isinstance(oracle, FallibleOracle) else Verdict(oracle.score(own), {})
        raw = np.array(verdict.scores, dtype=np.float64)
    if raw.shape != (len(designs),):
        raise MboError(f"oracle of {task} returned scores of shape {raw.shape} for {len(designs)} designs")
    if not np.isfinite(raw).all():
        bad = int(np.argmin(np.isfinite(raw)))
        raise MboError(f"oracle of {task} scored design {bad} as {raw[bad]}")
    return Verdict(raw, verdict.faults)
