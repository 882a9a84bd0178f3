"""Tasks: tables of tried designs, their spaces, oracles, and summaries of scores."""

from mbo_core.tasks.oracles import FallibleOracle, MeasuredOracle, Oracle, OracleSet, Verdict
from mbo_core.tasks.scoring import mean_and_std, percentile
from mbo_core.tasks.space import OWN_COLUMNS, Cells, Kind, Space
from mbo_core.tasks.table import Table
from mbo_core.tasks.task import OracleKind, Task, TaskInfo, TaskOffer

__all__ = [
    "OWN_COLUMNS",
    "Cells",
    "FallibleOracle",
    "Kind",
    "MeasuredOracle",
    "Oracle",
    "OracleKind",
    "OracleSet",
    "Space",
    "Table",
    "Task",
    "TaskInfo",
    "TaskOffer",
    "Verdict",
    "mean_and_std",
    "percentile",
]
