"""Reading tables of past experiments: what was decided is one line, what was changed is noted."""

from mbo_propose.reading.dialect import Dialect
from mbo_propose.reading.errors import TableError
from mbo_propose.reading.limits import at_limits
from mbo_propose.reading.table import Table, read
from mbo_propose.reading.target import Target, target

__all__ = ["Dialect", "Table", "TableError", "Target", "at_limits", "read", "target"]
