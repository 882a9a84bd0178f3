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
from mbo_core.stages.options import option
from mbo_core.tasks.oracles import INFEASIBLE, FallibleOracle, MeasuredOracle, Oracle, OracleSet, Verdict, drawn
from mbo_core.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class OracleEvaluation(Evaluation):
    """Scores each candidate once with the task's oracle, or once with each of several; raw and normalised."""

    repeats: int = option(1, "evaluations of each design by a noisy oracle; their mean is its score", at_least=1)

    name: ClassVar[str] = "oracle"

    def score(self, designs: NDArray[Any], task: Task) -> Mapping[str, NDArray[np.float64] | Sequence[str]]:
        """Raw and normalised scores, float64 (n,) each; also `fault`, n texts, if a design could not be scored.

        With a set of several oracles, also the normalised score by each (see `OracleSet.columns`) and their population
        standard deviation, `oracle_std`. With an oracle of repeated measurements, or a noisy one asked more than once,
        `measurement_std`: their normalised standard deviation.

        A design that the oracle scores as -inf has the fault `infeasible`. It counts as the worst: it has the smallest
        score of the task's rows and of the other designs, so that percentiles rank it last.

        Raises:
            TaskError: for a task without an oracle, or designs outside its space.
            MboError: unless the oracle returns n numbers, finite or -inf.
        """
        if task.oracle is None:
            raise TaskError(f"{task.name} has no oracle to score designs with")
        task.table.check(designs)
        oracles = task.oracle if isinstance(task.oracle, OracleSet) else OracleSet({"": task.oracle})
        draws = self.repeats if task.noisy else 1
        asked = [_repeated(oracle, designs, task, draws) for oracle in oracles.members.values()]
        verdicts = [_feasible(verdict, float(task.y.min())) for verdict, _ in asked]
        raw = np.stack([verdict.scores for verdict in verdicts])
        normalised = task.normalise(raw)
        scores: dict[str, NDArray[np.float64]] = {"raw": raw[0], "normalised": normalised[0]}
        if oracles.columns:
            scores.update(zip(oracles.columns.values(), normalised, strict=True))
            scores["oracle_std"] = normalised.std(axis=0)
        if isinstance(task.oracle, MeasuredOracle):
            scores["measurement_std"] = task.normalise(raw[0] + task.oracle.spread(designs)) - normalised[0]
        elif draws > 1:
            scores["measurement_std"] = task.normalise(raw[0] + asked[0][1]) - normalised[0]
        faults = [next((one.faults[row] for one in verdicts if row in one.faults), "") for row in range(len(designs))]
        return {**scores, "fault": faults} if any(faults) else scores


def _repeated(oracle: Oracle, designs: NDArray[Any], task: Task, draws: int) -> tuple[Verdict, NDArray[np.float64]]:
    """The mean scores over draws, and their population standard deviations.

    A design that fails in one of them has its worst score and no spread.
    """
    verdicts = [_asked(drawn(oracle, draw), designs, task.name) for draw in range(draws)]
    scores = np.stack([verdict.scores for verdict in verdicts])
    faults = {row: text for verdict in reversed(verdicts) for row, text in verdict.faults.items()}
    sound: NDArray[np.bool_] = np.array([row not in faults for row in range(len(designs))])
    sound &= np.isfinite(scores).all(0)
    spread = np.where(sound, np.where(sound, scores, 0.0).std(0), 0.0)
    return Verdict(np.where(sound, scores.mean(0), scores.min(0)), faults), spread


def _feasible(verdict: Verdict, worst: float) -> Verdict:
    """The same with the worst score, and the word, for each design that was scored as -inf."""
    lost = np.isneginf(verdict.scores)
    if not lost.any():
        return verdict
    least = min([worst, *verdict.scores[~lost].tolist()])
    words = dict.fromkeys(np.flatnonzero(lost).tolist(), INFEASIBLE)
    return Verdict(np.where(lost, least, verdict.scores), {**words, **verdict.faults})


def _asked(oracle: Oracle, designs: NDArray[Any], task: str) -> Verdict:
    # Copies, as an oracle may write to its input or reuse the array that it returns.
    own = designs.copy()
    with foreign(f"the oracle of {task}"):
        verdict = oracle.judge(own) if isinstance(oracle, FallibleOracle) else Verdict(oracle.score(own), {})
        raw = np.array(verdict.scores, dtype=np.float64)
    if raw.shape != (len(designs),):
        raise MboError(f"oracle of {task} returned scores of shape {raw.shape} for {len(designs)} designs")
    fine = np.isfinite(raw) | np.isneginf(raw)
    if not fine.all():
        bad = int(np.argmin(fine))
        raise MboError(f"oracle of {task} scored design {bad} as {raw[bad]}")
    return Verdict(raw, verdict.faults)
