"""The time of each stage of a run, in the run's folder: an example of a plugin that wraps hooks."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from mbo_core.errors import StoreError, warn
from mbo_core.plugins.hookspecs import hookimpl
from mbo_core.runs.store import write

if TYPE_CHECKING:
    from mbo_core.runs.records import Candidates, Gap, Run, Scores, TrainedProxy

T = TypeVar("T")
Wrapper: TypeAlias = Generator[None, T, T]
"""A generator that is sent the stage's result and returns it."""


@hookimpl(wrapper=True)
def mbo_train_proxy(run: Run) -> Wrapper[TrainedProxy]:
    """Time the training, or the cache that replaces it."""
    return (yield from _timed("mbo_train_proxy", run))


@hookimpl(wrapper=True)
def mbo_mine_adversary(run: Run) -> Wrapper[Gap]:
    """Time the audit."""
    return (yield from _timed("mbo_mine_adversary", run))


@hookimpl(wrapper=True)
def mbo_update_solution(run: Run) -> Wrapper[Candidates]:
    """Time the search."""
    return (yield from _timed("mbo_update_solution", run))


@hookimpl(wrapper=True)
def mbo_evaluate(run: Run) -> Wrapper[Scores]:
    """Time the evaluation."""
    return (yield from _timed("mbo_evaluate", run))


def _timed(hook: str, run: Run) -> Wrapper[T]:
    start = time.perf_counter()
    result = yield
    _note(run, f"{hook},{' '.join(map(str, run.seeds))},{time.perf_counter() - start:.3f}\n")
    return result


def _note(run: Run, row: str) -> None:
    if run.folder is None:
        return
    path = run.folder / "timings.csv"
    before = path.read_text(encoding="utf-8") if path.exists() else "hook,seeds,seconds\n"
    try:
        write(path, before + row)
    except StoreError as error:
        # Not worth losing the finished stage.
        warn(error.message)
