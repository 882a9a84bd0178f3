"""Ask the oracle before the training, so that one that cannot score is not found after it."""

from __future__ import annotations

from mbo_core.errors import TaskError, reason_of
from mbo_core.foreign import foreign
from mbo_core.stages.contracts import Evaluation
from mbo_core.stages.oracle import OracleEvaluation
from mbo_core.tasks.oracles import is_costly
from mbo_core.tasks.task import Task

ROWS = 2
"""So many rows of the data are scored: enough to tell (n,) from (n, 1) and from (1, n)."""


def try_oracle(evaluation: Evaluation, task: Task) -> None:
    """Let the oracle score rows of the data; its scores are not compared with theirs.

    Simulators, and oracles with `costly = True`, are not tried.

    Raises:
        TaskError: if it cannot.
    """
    rows = task.x[task.inside][:ROWS]
    costly = task.info.oracle == "simulator" or is_costly(task.oracle)
    if task.oracle is None or costly or not len(rows) or not isinstance(evaluation, OracleEvaluation):
        return
    try:
        with foreign(f"the oracle of {task.name}"):
            OracleEvaluation().score(rows.copy(), task.drawn(0))
    except Exception as error:
        # Whatever a third party's oracle raises.
        fact = f"oracle of {task.name} cannot score rows of its own data: {reason_of(error)}"
        raise TaskError(fact, "fix the oracle; nothing was trained yet") from error
