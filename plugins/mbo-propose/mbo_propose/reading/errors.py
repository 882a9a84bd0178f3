"""The error of this package: a table that cannot be used."""

from __future__ import annotations

from mbo_core.errors import MboError


class TableError(MboError):
    """A table, a column of it, or a file to write that cannot be used; exit code 2."""

    exit_code = 2
