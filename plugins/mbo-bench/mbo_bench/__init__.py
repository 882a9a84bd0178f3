"""Many recipes, tasks and seeds, by a command that can be repeated until all is done.

`load(folder)` gives the results of a bench as a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mbo_bench.results import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `mbo --help` answers at once."""
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mbo_bench.results import load

    return load
