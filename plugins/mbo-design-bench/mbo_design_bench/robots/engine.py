"""MuJoCo: its import, rollouts in threads, and why a rollout failed."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mbo_core.errors import TaskError
from mbo_core.tasks import Verdict

INSTALL = "pip install 'mbo-design-bench[mujoco]'"
GLOBALS = RLock()
"""Held while MuJoCo's global handlers are replaced."""

Given = TypeVar("Given")
Made = TypeVar("Made")


class Fault(Exception):
    """Why a design cannot be simulated."""


def missing() -> str | None:
    """One line on how to get MuJoCo, or None if it is installed."""
    return None if find_spec("mujoco") else f"mujoco is not installed: {INSTALL}"


def library() -> Any:
    """The module `mujoco`, imported late, as that takes half a second.

    Raises:
        TaskError: if it is not installed.
    """
    line = missing()
    if line is not None:
        raise TaskError(line, INSTALL)
    import mujoco

    return mujoco


def notes(lowest: float) -> dict[str, str | float]:
    """The version of MuJoCo, on which scores depend, and the score of designs that cannot be simulated."""
    return {"mujoco": version("mujoco"), "score_of_a_failed_simulation": lowest}


def compiled(xml: str) -> Any:
    """A model from its MJCF text.

    Raises:
        Fault: if MuJoCo refuses it.
    """
    try:
        return library().MjModel.from_xml_string(xml)
    except ValueError as error:
        raise Fault(f"the body does not compile: {' '.join(str(error).split())}") from error


def batch(model: Any, count: int) -> Any:
    """Simulations of a model, all stepped by one call on the calling thread."""
    library()
    from mujoco.batch import Batch

    return Batch(model, count, nthread=1)


def check(warnings: Iterable[int], second: float) -> None:
    """Refuse a simulation with warnings of MuJoCo: it was reset half-way, or had too many contacts.

    Args:
        warnings: the number of each kind.
        second: the simulation's time.

    Raises:
        Fault: with the first kind of warning.
    """
    for kind, number in zip(library().mjtWarning.__members__, warnings, strict=False):
        if number:
            raise Fault(f"the simulation diverged: {kind.removeprefix('mjWARN_')} at second {second:.2f}")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MuJoCo's warnings off stderr and out of MUJOCO_LOG.TXT, as `check` reads them; and stop its clock.

    Both are global, so one thread at a time changes and restores them.
    """
    mujoco, clock = library(), _clock()
    with GLOBALS:
        warn, ask = mujoco.get_mju_user_warning(), clock.value
        mujoco.set_mju_user_warning(lambda _: None)
        clock.value = None
        try:
            yield
        finally:
            mujoco.set_mju_user_warning(warn)
            clock.value = ask


def _clock() -> ctypes.c_void_p:
    """The C library's global `mjcb_time`, the clock of its profiling timers, unset by default.

    The Python package sets a clock, although nobody reads the timers, and reading it takes a sixth of a hopper's step.
    The package's own setter can replace the clock but not remove it.
    """
    files = Path(library().__file__).parent.iterdir()
    path = next(file for file in files if re.fullmatch(r"(lib)?mujoco[.\d]*\.(so|dylib|dll)[.\d]*", file.name))
    return ctypes.c_void_p.in_dll(ctypes.CDLL(str(path)), "mjcb_time")


def parallel(work: Callable[[Given], Made], items: Sequence[Given]) -> list[Made]:
    """Run on all processors, as MuJoCo releases the GIL while it steps. Results keep their order."""
    with quiet(), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, items))


def verdict(outcomes: Sequence[float | Fault], lowest: float) -> Verdict:
    """Scores (n,), with the task's lowest for each design that cannot be simulated, and why.

    >>> verdict([1.5, Fault("it fell apart")], -7.0)
    Verdict(scores=array([ 1.5, -7. ]), faults={1: 'it fell apart'})
    """
    scores: NDArray[np.float64] = np.array([lowest if isinstance(one, Fault) else one for one in outcomes], float)
    return Verdict(scores, {i: str(one) for i, one in enumerate(outcomes) if isinstance(one, Fault)})


def outcome(total: float) -> float | Fault:
    """A sum of rewards, or the fault of one that is not finite."""
    return total if np.isfinite(total) else Fault(f"the sum of rewards is {total}")
